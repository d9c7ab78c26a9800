import { setImmediate as turn } from 'node:timers/promises';
import { createLifecycle, type LifecycleEmitter, tapInto } from '../../src/instrumentation/lifecycle.js';

/** An emitter, and what its listeners threw. */
function bench(): { events: LifecycleEmitter; thrown: string[] } {
  const thrown: string[] = [];
  return { events: createLifecycle(({ message }) => thrown.push(message)), thrown };
}

const NOTICE = { bytes: 1 } as const;

test('tells every listener, in order, what happened', () => {
  const { events } = bench();
  const told: unknown[] = [];
  events.on('received', (notice) => told.push(['first', notice]));
  events.addListener('received', (notice) => told.push(['second', notice]));
  events.on('verified', (notice) => told.push(['another', notice]));
  expect(events.emit('received', NOTICE)).toBe(true);
  expect(told).toEqual([
    ['first', NOTICE],
    ['second', NOTICE],
  ]);
});

test('says when nobody listens', () => {
  const { events } = bench();
  expect(events.emit('received', NOTICE)).toBe(false);
  expect(events.listenerCount('received')).toBe(0);
});

test('once is told once', () => {
  const { events } = bench();
  const [listener, other] = [jest.fn(), jest.fn()];
  events.once('received', listener);
  events.once('verified', other);
  for (let times = 0; times < 3; times++) events.emit('received', NOTICE);
  expect(listener.mock.calls).toEqual([[NOTICE]]);
  expect(other).not.toHaveBeenCalled();
  expect([events.listenerCount('received'), events.listenerCount('verified')]).toEqual([0, 1]);
});

test('once beside others is told once', () => {
  const { events } = bench();
  const [always, once] = [jest.fn(), jest.fn()];
  events.on('received', always);
  events.once('received', once);
  for (let times = 0; times < 3; times++) events.emit('received', NOTICE);
  expect([always.mock.calls.length, once.mock.calls.length]).toEqual([3, 1]);
});

test.each(['off', 'removeListener'] as const)('%s takes a listener back, from on and from once', (method) => {
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

test.each(['off', 'removeListener'] as const)('%s of one for once only leaves the one for always', (method) => {
  const { events } = bench();
  const listener = jest.fn();
  events.on('received', listener);
  events.once('received', listener);
  events[method]('received', listener, undefined, true);
  events.emit('received', NOTICE);
  events.emit('received', NOTICE);
  expect(listener).toHaveBeenCalledTimes(2);
});

test('without a listener, off takes all of that name back', () => {
  const { events } = bench();
  events.on('received', () => {});
  events.on('received', () => {});
  events.on('verified', () => {});
  events.off('received');
  expect([events.listenerCount('received'), events.listenerCount('verified')]).toEqual([0, 1]);
});

test('a listener that was added twice is told twice', () => {
  const { events } = bench();
  const listener = jest.fn();
  events.on('received', listener);
  events.on('received', listener);
  events.emit('received', NOTICE);
  expect(listener).toHaveBeenCalledTimes(2);
});

test.each(['on', 'once', 'addListener'] as const)('%s takes a context, and can be chained', (method) => {
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

test('without a context a listener is called on the emitter', () => {
  const { events } = bench();
  let seen: unknown;
  events.on('received', function (this: unknown) {
    seen = this;
  });
  events.emit('received', NOTICE);
  expect(seen).toBe(events);
});

test('what listeners throw or reject with is reported, and the later ones are told', async () => {
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

test.each(['on', 'once'] as const)('%s refuses what is no function', (method) => {
  const { events } = bench();
  for (const wrong of [undefined, null, 'listener', {}]) {
    expect(() => events[method]('received', wrong as never)).toThrow('must be a function');
  }
});

test('a tap is told everything, is not counted as a listener, and may throw', () => {
  const { events, thrown } = bench();
  const told: unknown[] = [];
  const stop = tapInto(events, (name, notice) => {
    told.push([name, notice]);
    throw new Error('tap');
  });
  events.removeAllListeners();
  expect(events.emit('received', NOTICE)).toBe(false);
  expect(events.listenerCount('received')).toBe(0);
  expect([told, thrown]).toEqual([[['received', NOTICE]], ['tap']]);
  stop();
  events.emit('received', NOTICE);
  expect(told).toHaveLength(1);
  expect(Object.keys(events)).not.toContain('tap');
});
