import {
  attempt,
  after as goOn,
  isPromised,
  isPromiseLike,
  LONGEST_DELAY_MS,
  within,
} from '../../src/shared/promises.js';

const overdue = (): Error => new Error('overdue');
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

describe('within', () => {
  test('gives a plain value without a timer', async () => {
    const given = within(1000, 'value', overdue);
    expect(jest.getTimerCount()).toBe(0);
    expect(given).toBe('value');
  });

  test('gives what is promised in time', async () => {
    const promised = new Promise((resolve) => setTimeout(resolve, 999, 'value'));
    const given = within(1000, promised, overdue);
    await jest.advanceTimersByTimeAsync(999);
    expect(await given).toBe('value');
  });

  test('rejects when the time is up', async () => {
    const given = within(1000, new Promise(() => {}), overdue);
    const caught = expect(given).rejects.toThrow('overdue');
    await jest.advanceTimersByTimeAsync(1000);
    await caught;
  });

  test('does not look at the error before it is needed', async () => {
    const unasked = jest.fn(overdue);
    await within(1000, Promise.resolve(), unasked);
    expect(unasked).not.toHaveBeenCalled();
  });

  test('rejects with what is rejected', async () => {
    await expect(within(1000, Promise.reject(new Error('boom')), overdue)).rejects.toThrow('boom');
  });

  test('contains a rejection that comes too late', async () => {
    const late = new Promise((_, reject) => setTimeout(reject, 2000, new Error('late')));
    const caught = expect(within(1000, late, overdue)).rejects.toThrow('overdue');
    await jest.advanceTimersByTimeAsync(2000); // jest fails a test in which a rejection is not handled
    await caught;
  });

  test('waits for a thenable, and rejects when its then throws', async () => {
    expect(
      await within(
        1000,
        thenable((resolve) => resolve('value')),
        overdue,
      ),
    ).toBe('value');
    await expect(within(1000, thenable(boom), overdue)).rejects.toThrow('boom');
  });
});

describe('after', () => {
  const twice = (value: number): number => value * 2;

  test('goes on at once with a value that is there', () => {
    expect(goOn(21, twice)).toBe(42);
  });

  test('goes on later with one that is promised', async () => {
    const result = goOn(Promise.resolve(21), twice);
    expect(isPromised(result)).toBe(true);
    expect(await result).toBe(42);
  });

  test('throws what the next step throws, or rejects with it', async () => {
    expect(() => goOn(21, boom)).toThrow('boom');
    await expect(goOn(Promise.resolve(21), boom)).rejects.toThrow('boom');
  });

  test('rejects with what was rejected, and the next step is not taken', async () => {
    const next = jest.fn();
    await expect(goOn(Promise.reject(new Error('boom')), next)).rejects.toThrow('boom');
    expect(next).not.toHaveBeenCalled();
  });
});

describe('attempt', () => {
  const told = (value: string): string => `went on with ${value}`;
  const saved = (error: Error): string => `saved from ${error.message}`;
  const text = (): never => {
    throw 'no error'; // JavaScript lets one throw anything
  };

  test.each<[string, () => string, string]>([
    ['a value', () => 'a value', 'went on with a value'],
    ['an error', boom, 'saved from boom'],
    ['what is no error', text, 'saved from A value that is not an Error was thrown: no error'],
  ])('goes on with %s, at once or later', async (_what, call, expected) => {
    expect(attempt(call, told, saved)).toBe(expected);
    const later = attempt(async () => call(), told, saved);
    expect(isPromised(later)).toBe(true);
    expect(await later).toBe(expected);
  });

  test('what the next step throws is not a failure of the call', async () => {
    const failed = jest.fn();
    expect(() => attempt(() => 'a value', boom, failed)).toThrow('boom');
    await expect(attempt(async () => 'a value', boom, failed)).rejects.toThrow('boom');
    expect(failed).not.toHaveBeenCalled();
  });
});

test('the longest delay is one that timers keep', () => {
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
])('%p can be awaited: %p', (value, expected) => {
  expect(isPromiseLike<unknown>(value)).toBe(expected);
});
