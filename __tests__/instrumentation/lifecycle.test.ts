import { setImmediate as turn } from 'node:timers/promises';
import { createLifecycle, type LifecycleEmitter } from '../../src/instrumentation/lifecycle.js';

/** An emitter, and the messages of the errors that its listeners threw. */
function bench(): { events: LifecycleEmitter; thrown: string[] } {
  const thrown: string[] = [];
  return { events: createLifecycle(({ message }) => thrown.push(message)), thrown };
}

const NOTICE = { bytes: 1 } as const;

test('emit() calls the listeners of its name in order, with the notice', () => {
  const { events } = bench();
  const calls: unknown[] = [];
  events.on('received', (notice) => calls.push(['first', notice]));
  events.addListener('received', (notice) => calls.push(['second', notice]));
  events.on('verified', (notice) => calls.push(['another', notice]));
  expect(events.emit('received', NOTICE)).toBe(true);
  expect(calls).toEqual([
    ['first', NOTICE],
    ['second', NOTICE],
  ]);
});

test('emit() returns false when no listener is registered', () => {
  const { events } = bench();
  expect(events.emit('received', NOTICE)).toBe(false);
  expect(events.listenerCount('received')).toBe(0);
});

test('a listener of once() is called once', () => {
  const { events } = bench();
  const [listener, other] = [jest.fn(), jest.fn()];
  events.once('received', listener);
  events.once('verified', other);
  for (let times = 0; times < 3; times++) events.emit('received', NOTICE);
  expect(listener.mock.calls).toEqual([[NOTICE]]);
  expect(other).not.toHaveBeenCalled();
  expect([events.listenerCount('received'), events.listenerCount('verified')]).toEqual([0, 1]);
});

test('a listener of once() is called once when the name also has other listeners', () => {
  const { events } = bench();
  const [always, once] = [jest.fn(), jest.fn()];
  events.on('received', always);
  events.once('received', once);
  for (let times = 0; times < 3; times++) events.emit('received', NOTICE);
  expect([always.mock.calls.length, once.mock.calls.length]).toEqual([3, 1]);
});

test.each(['off', 'removeListener'] as const)('%s() removes a listener of on() and of once()', (method) => {
  const { events } = bench();
  const [listener, other] = [jest.fn(), jest.fn()];
  events.on('received', listener);
  events.once('received', listener);
  events.on('received', other);
  events.on('verified', listener);
  expect(events[method]('received', listener)).toBe(events);
  events.emit('received', NOTICE);
  expect(listener).not.toHaveBeenCalled();
  expect(other).toHaveBeenCalledTimes(1);
  expect(events.listenerCount('verified')).toBe(1);
});

test.each(['off', 'removeListener'] as const)('%s() with `once` removes the listener of once() only', (method) => {
  const { events } = bench();
  const listener = jest.fn();
  events.on('received', listener);
  events.once('received', listener);
  events[method]('received', listener, undefined, true);
  events.emit('received', NOTICE);
  events.emit('received', NOTICE);
  expect(listener).toHaveBeenCalledTimes(2);
});

test('off() without a listener removes all listeners of the name', () => {
  const { events } = bench();
  events.on('received', () => {});
  events.on('received', () => {});
  events.on('verified', () => {});
  events.off('received');
  expect([events.listenerCount('received'), events.listenerCount('verified')]).toEqual([0, 1]);
});

test('a listener that was added twice is called twice', () => {
  const { events } = bench();
  const listener = jest.fn();
  events.on('received', listener);
  events.on('received', listener);
  events.emit('received', NOTICE);
  expect(listener).toHaveBeenCalledTimes(2);
});

test.each(['on', 'once', 'addListener'] as const)('%s() accepts a context and returns the emitter', (method) => {
  const { events } = bench();
  const context = { own: true };
  let seen: unknown;
  function listener(this: unknown): void {
    seen = this;
  }
  expect(events[method]('received', listener, context)).toBe(events);
  events.emit('received', NOTICE);
  expect(seen).toBe(context);
});

test('a listener without a context is called on the emitter', () => {
  const { events } = bench();
  let seen: unknown;
  events.on('received', function (this: unknown) {
    seen = this;
  });
  events.emit('received', NOTICE);
  expect(seen).toBe(events);
});

test('a listener that throws or rejects is reported, and the later listeners are still called', async () => {
  const { events, thrown } = bench();
  const later = jest.fn();
  events.on('received', () => {
    throw new Error('sync');
  });
  events.once('received', () => {
    throw 'text';
  });
  events.on('received', async () => {
    throw new Error('async');
  });
  events.on('received', later);
  expect(() => events.emit('received', NOTICE)).not.toThrow();
  await turn();
  expect(later).toHaveBeenCalledTimes(1);
  expect(thrown).toEqual(['sync', 'A value that is not an Error was thrown: text', 'async']);
});

test.each(['on', 'once'] as const)('%s() refuses a listener that is not a function', (method) => {
  const { events } = bench();
  for (const wrong of [undefined, null, 'listener', {}]) {
    expect(() => events[method]('received', wrong as never)).toThrow('must be a function');
  }
});
