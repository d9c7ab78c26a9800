import { isPromiseLike, LONGEST_DELAY_MS, within } from '../src/time.js';

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
    const given = within(1000, () => 'value', overdue);
    expect(jest.getTimerCount()).toBe(0);
    expect(await given).toBe('value');
  });

  test('gives what is promised in time', async () => {
    const promised = new Promise((resolve) => setTimeout(resolve, 999, 'value'));
    const given = within(1000, () => promised, overdue);
    await jest.advanceTimersByTimeAsync(999);
    expect(await given).toBe('value');
  });

  test('rejects when the time is up', async () => {
    const given = within(1000, () => new Promise(() => {}), overdue);
    const caught = expect(given).rejects.toThrow('overdue');
    await jest.advanceTimersByTimeAsync(1000);
    await caught;
  });

  test('does not look at the error before it is needed', async () => {
    const unasked = jest.fn(overdue);
    await within(1000, async () => {}, unasked);
    expect(unasked).not.toHaveBeenCalled();
  });

  test('rejects with what is thrown or rejected', async () => {
    await expect(within(1000, boom, overdue)).rejects.toThrow('boom');
    await expect(within(1000, async () => boom(), overdue)).rejects.toThrow('boom');
  });

  test('contains a rejection that comes too late', async () => {
    const late = new Promise((_, reject) => setTimeout(reject, 2000, new Error('late')));
    const caught = expect(within(1000, () => late, overdue)).rejects.toThrow('overdue');
    await jest.advanceTimersByTimeAsync(2000); // jest fails a test in which a rejection is not handled
    await caught;
  });

  test('waits for a thenable, and rejects when its then throws', async () => {
    expect(await within(1000, () => thenable((resolve) => resolve('value')), overdue)).toBe('value');
    await expect(within(1000, () => thenable(boom), overdue)).rejects.toThrow('boom');
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
