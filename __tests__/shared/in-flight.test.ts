import { setImmediate as turn } from 'node:timers/promises';
import { InFlight } from '../../src/shared/in-flight.js';

const LONG = 60_000;

/** Work that runs until `end` is called. */
function begin(inFlight: InFlight): { readonly ended: Promise<void>; readonly end: () => void } {
  let end = (): void => {};
  const ended = inFlight.track(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  return { ended, end: () => end() };
}

test('close() marks it as closed at once', () => {
  const inFlight = new InFlight();
  expect(inFlight.isClosed).toBe(false);
  void inFlight.close(LONG);
  expect(inFlight.isClosed).toBe(true);
});

test('close() resolves at once when no work runs', async () => {
  expect(await new InFlight().close(LONG)).toBe(true);
  const inFlight = new InFlight();
  await inFlight.track(() => {});
  expect(await inFlight.close(LONG)).toBe(true);
});

test('close() waits until all work has ended', async () => {
  const inFlight = new InFlight();
  const [first, second] = [begin(inFlight), begin(inFlight)];
  const closed = jest.fn();
  const closing = inFlight.close(LONG).then(closed);

  first.end();
  await turn();
  expect(closed).not.toHaveBeenCalled();
  second.end();
  await closing;
  expect(closed).toHaveBeenCalledWith(true);
});

test('track() starts the work at once and resolves to its result', async () => {
  const inFlight = new InFlight();
  const work = jest.fn(() => 'value');
  const result = inFlight.track(work);
  expect(work).toHaveBeenCalledTimes(1);
  expect(await result).toBe('value');
  expect(await inFlight.track(async () => 'promised')).toBe('promised');
});

test('work that throws or rejects has ended, and track() rejects with its error', async () => {
  const inFlight = new InFlight();
  const boom = new Error('boom');
  const rejecting = inFlight.track(() => Promise.reject(boom));
  const throwing = inFlight.track(() => {
    throw boom;
  });
  await expect(rejecting).rejects.toBe(boom);
  await expect(throwing).rejects.toBe(boom);
  expect(await inFlight.close(0)).toBe(true);
});

describe('the time limit of close()', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('makes it resolve to false while work still runs', async () => {
    const inFlight = new InFlight();
    void begin(inFlight);
    const closing = inFlight.close(1000);
    await jest.advanceTimersByTimeAsync(1000);
    expect(await closing).toBe(false);
  });

  test('begins anew when close() is called again', async () => {
    const inFlight = new InFlight();
    const { end } = begin(inFlight);
    const closing = inFlight.close(1000);
    await jest.advanceTimersByTimeAsync(1000);
    expect(await closing).toBe(false);
    const again = inFlight.close(1000);
    end();
    expect(await again).toBe(true);
  });

  test('leaves no timer behind when the work ends in time', async () => {
    const inFlight = new InFlight();
    const { end } = begin(inFlight);
    const closing = inFlight.close(1000);
    expect(jest.getTimerCount()).toBe(1);
    end();
    expect(await closing).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('may be longer than timers can keep', async () => {
    const inFlight = new InFlight();
    const { end } = begin(inFlight);
    const closed = jest.fn();
    const closing = inFlight.close(Number.POSITIVE_INFINITY).then(closed);
    await jest.advanceTimersByTimeAsync(1000);
    expect(closed).not.toHaveBeenCalled();
    end();
    await closing;
    expect(closed).toHaveBeenCalledWith(true);
  });
});
