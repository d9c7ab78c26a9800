import { endsWithin, isPromise, isPromiseLike, LONGEST_DELAY_MS, withTimeout } from '../../src/shared/promises.js';

const timeout = (): Error => new Error('timeout');
const boom = (): never => {
  throw new Error('boom');
};

function thenable(then: (resolve: (value: string) => void) => void): PromiseLike<string> {
  return { then } as PromiseLike<string>;
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('withTimeout()', () => {
  test('resolves to a plain value without starting a timer', async () => {
    const result = withTimeout(1000, 'value', timeout);
    expect(jest.getTimerCount()).toBe(0);
    expect(await result).toBe('value');
  });

  test('resolves to a promised value that arrives in time', async () => {
    const promised = new Promise((resolve) => setTimeout(resolve, 999, 'value'));
    const result = withTimeout(1000, promised, timeout);
    await jest.advanceTimersByTimeAsync(999);
    expect(await result).toBe('value');
  });

  test('rejects when the time is up', async () => {
    const result = withTimeout(1000, new Promise(() => {}), timeout);
    const expectation = expect(result).rejects.toThrow('timeout');
    await jest.advanceTimersByTimeAsync(1000);
    await expectation;
  });

  test('does not create the error when the result arrives in time', async () => {
    const onTimeout = jest.fn(timeout);
    await withTimeout(1000, Promise.resolve(), onTimeout);
    expect(onTimeout).not.toHaveBeenCalled();
  });

  test('rejects with the error of the promise', async () => {
    await expect(withTimeout(1000, Promise.reject(new Error('boom')), timeout)).rejects.toThrow('boom');
  });

  test('handles a rejection that comes after the time is up', async () => {
    const late = new Promise((_, reject) => setTimeout(reject, 2000, new Error('late')));
    const expectation = expect(withTimeout(1000, late, timeout)).rejects.toThrow('timeout');
    await jest.advanceTimersByTimeAsync(2000); // jest fails a test in which a rejection is not handled
    await expectation;
  });

  test('waits for a thenable, and rejects when its `then` throws', async () => {
    const resolving = thenable((resolve) => resolve('value'));
    expect(await withTimeout(1000, resolving, timeout)).toBe('value');
    await expect(withTimeout(1000, thenable(boom), timeout)).rejects.toThrow('boom');
  });
});

test('timers keep the longest delay, and fire at once for a longer one', () => {
  const [kept, overflown] = [jest.fn(), jest.fn()];
  const timers = [setTimeout(kept, LONGEST_DELAY_MS), setTimeout(overflown, LONGEST_DELAY_MS + 1)];
  jest.advanceTimersByTime(10);
  expect([kept.mock.calls.length, overflown.mock.calls.length]).toEqual([0, 1]);
  for (const timer of timers) clearTimeout(timer);
});

test.each([
  [Promise.resolve(), true],
  [thenable(() => {}), true],
  [
    Object.assign(
      () => {},
      thenable(() => {}),
    ),
    true,
  ],
  [() => {}, false],
  [{}, false],
  [[], false],
  [null, false],
  [undefined, false],
  ['then', false],
  [42, false],
])('isPromise() and isPromiseLike() of %p return %p', (value, expected) => {
  expect(isPromiseLike<unknown>(value)).toBe(expected);
  expect(isPromise<unknown>(value)).toBe(expected);
});

describe('endsWithin()', () => {
  test('resolves to true for what resolves in time, and for what has nothing to wait for', async () => {
    const onFailure = jest.fn();
    expect(await endsWithin(1_000, Promise.resolve(), onFailure)).toBe(true);
    expect(await endsWithin(1_000, undefined, onFailure)).toBe(true);
    expect(onFailure).not.toHaveBeenCalled();
  });

  test('resolves to false, and passes the reason on, for what rejects or takes too long', async () => {
    const errors: string[] = [];
    const onFailure = ({ message }: Error): unknown => errors.push(message);
    expect(await endsWithin(1_000, Promise.reject(new Error('the disk is full')), onFailure)).toBe(false);
    const ending = endsWithin(50, new Promise(() => {}), onFailure);
    await jest.advanceTimersByTimeAsync(50);
    expect(await ending).toBe(false);
    expect(errors).toEqual(['the disk is full', 'It did not end within 50 ms.']);
  });
});
