import { Recent } from '../../src/dedupe/recent.js';

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  jest.useRealTimers();
});

test('keeps what was set and nothing else', () => {
  const recent = new Recent<string>(10, 1000);
  recent.set('a', 'first');
  recent.set('b', 'other');
  recent.set('a', 'second');
  expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual(['second', 'other', undefined]);
  expect(recent.size).toBe(2);
});

test('forgets what was deleted', () => {
  const recent = new Recent<number>(4, 1000);
  for (const key of ['old', 'full', 'young']) recent.set(key, 1);
  recent.delete('old');
  recent.delete('young');
  recent.delete('never there');
  expect(['old', 'full', 'young'].map((key) => recent.get(key))).toEqual([undefined, 1, undefined]);
  expect(recent.size).toBe(1);
});

describe('time', () => {
  test('an entry is there until its time is up, and not at that moment', () => {
    const recent = new Recent<number>(10, 1000);
    recent.set('a', 1);
    jest.advanceTimersByTime(999);
    expect(recent.get('a')).toBe(1);
    jest.advanceTimersByTime(1);
    expect(recent.get('a')).toBeUndefined();
  });

  test('setting it again gives it its whole time again', () => {
    const recent = new Recent<number>(10, 1000);
    recent.set('a', 1);
    jest.advanceTimersByTime(999);
    recent.set('a', 2);
    jest.advanceTimersByTime(999);
    expect(recent.get('a')).toBe(2);
  });

  test('looking at it does not', () => {
    const recent = new Recent<number>(10, 1000);
    recent.set('a', 1);
    jest.advanceTimersByTime(999);
    recent.get('a');
    jest.advanceTimersByTime(1);
    expect(recent.get('a')).toBeUndefined();
  });
});

describe('size', () => {
  test.each([1, 2, 3, 4, 5, 10, 101])('of at most %i entries, the newest half is always there', (max) => {
    const recent = new Recent<number>(max, 1000);
    const half = Math.max(1, Math.floor(max / 2));
    for (let number = 0; number < 4 * max; number++) {
      recent.set(String(number), number);
      expect(recent.size).toBeLessThanOrEqual(max);
      for (let back = number; back > Math.max(-1, number - half); back--) expect(recent.get(String(back))).toBe(back);
    }
    expect(recent.get('0')).toBeUndefined();
  });

  test('setting one key over and over pushes nothing out', () => {
    const recent = new Recent<number>(10, 1000);
    for (const key of ['a', 'b', 'c']) recent.set(key, 0);
    for (let number = 0; number < 100; number++) recent.set('a', number);
    expect(['a', 'b', 'c'].map((key) => recent.get(key))).toEqual([99, 0, 0]);
  });

  test('an old entry that is set again is young again, and counted once', () => {
    const recent = new Recent<number>(4, 1000);
    for (const key of ['a', 'b']) recent.set(key, 1);
    recent.set('a', 2);
    expect([recent.get('a'), recent.size]).toEqual([2, 2]);
    recent.set('c', 1);
    expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual([2, undefined, 1]);
  });
});
