import { setImmediate as turn } from 'node:timers/promises';
import { Drain } from '../../src/shared/in-flight.js';

const LONG = 60_000;

test('is closed from the moment that close is called', () => {
  const drain = new Drain();
  expect(drain.closed).toBe(false);
  void drain.close(LONG);
  expect(drain.closed).toBe(true);
});

test('closes at once when nothing runs, or nothing any more', async () => {
  expect(await new Drain().close(LONG)).toBe(true);
  const drain = new Drain();
  drain.enter();
  drain.leave();
  expect(await drain.close(LONG)).toBe(true);
});

test('waits until all that began has ended', async () => {
  const drain = new Drain();
  drain.enter();
  drain.enter();
  const over = jest.fn();
  const closed = drain.close(LONG).then(over);

  drain.leave();
  await turn();
  expect(over).not.toHaveBeenCalled();
  drain.leave();
  await closed;
  expect(over).toHaveBeenCalledWith(true);
});

describe('with a clock', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('says that something still runs when its time is up', async () => {
    const drain = new Drain();
    drain.enter();
    const closed = drain.close(1000);
    await jest.advanceTimersByTimeAsync(1000);
    expect(await closed).toBe(false);
  });

  test('may be asked again, and then waits again', async () => {
    const drain = new Drain();
    drain.enter();
    const closed = drain.close(1000);
    await jest.advanceTimersByTimeAsync(1000);
    expect(await closed).toBe(false);
    const again = drain.close(1000);
    drain.leave();
    expect(await again).toBe(true);
  });

  test('leaves no timer behind', async () => {
    const drain = new Drain();
    drain.enter();
    const closed = drain.close(1000);
    expect(jest.getTimerCount()).toBe(1);
    drain.leave();
    expect(await closed).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});

test('what is tracked is waited for, and left also when it throws', async () => {
  const drain = new Drain();
  const boom = new Error('boom');
  const rejecting = drain.track(() => Promise.reject(boom));
  const throwing = drain.track(() => {
    throw boom;
  });
  await expect(rejecting).rejects.toBe(boom);
  await expect(throwing).rejects.toBe(boom);
  expect(await drain.close(0)).toBe(true);
});
