import { setImmediate as turn } from 'node:timers/promises';
import { Drain } from '../src/drain.js';

/** Work that ends when it is told. */
function work(): { run: () => Promise<void>; end: () => void } {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { run: () => ended, end };
}

const LONG = 60_000;

test('gives back what the work gives, or fails with', async () => {
  const drain = new Drain();
  expect(await drain.track(async () => 42)).toBe(42);
  await expect(
    drain.track(async () => {
      throw new Error('boom');
    }),
  ).rejects.toThrow('boom');
});

test('is closed from the moment that close is called', () => {
  const drain = new Drain();
  expect(drain.closed).toBe(false);
  void drain.close(LONG);
  expect(drain.closed).toBe(true);
});

test('closes at once when nothing runs', async () => {
  const drain = new Drain();
  await drain.track(async () => {});
  expect(await drain.close(LONG)).toBe(true);
});

test('waits for all that runs, also when it fails', async () => {
  const drain = new Drain();
  const [first, second] = [work(), work()];
  void drain.track(first.run);
  const failing = drain
    .track(async () => {
      await second.run();
      throw new Error('boom');
    })
    .catch(() => {});
  const over = jest.fn();
  const closed = drain.close(LONG).then(over);

  first.end();
  await turn();
  expect(over).not.toHaveBeenCalled();
  second.end();
  await failing;
  await closed;
  expect(over).toHaveBeenCalledWith(true);
});

test('counts work that throws at once as ended', async () => {
  const drain = new Drain();
  const throwing = (): never => {
    throw new Error('boom');
  };
  await expect(drain.track(throwing)).rejects.toThrow('boom');
  expect(await drain.close(LONG)).toBe(true);
});

describe('with a clock', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('says that something still ran when its time is up', async () => {
    const drain = new Drain();
    const { run, end } = work();
    const tracked = drain.track(run);
    const closed = drain.close(1000);
    await jest.advanceTimersByTimeAsync(1000);
    expect(await closed).toBe(false);
    end();
    await tracked;
  });

  test('may be asked again, and then waits again', async () => {
    const drain = new Drain();
    const { run, end } = work();
    const tracked = drain.track(run);
    const closed = drain.close(1000);
    await jest.advanceTimersByTimeAsync(1000);
    expect(await closed).toBe(false);
    const again = drain.close(1000);
    end();
    await tracked;
    expect(await again).toBe(true);
  });

  test('leaves no timer behind', async () => {
    const drain = new Drain();
    const { run, end } = work();
    const tracked = drain.track(run);
    const closed = drain.close(1000);
    expect(jest.getTimerCount()).toBe(1);
    end();
    await tracked;
    expect(await closed).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});
