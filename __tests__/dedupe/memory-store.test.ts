import { MemoryDedupeStore } from '../../src/index.js';

test('a delivery is reserved, running, finished', () => {
  const store = new MemoryDedupeStore();
  expect(store.reserve('a')).toEqual({ state: 'reserved' });
  expect(store.reserve('a')).toEqual({ state: 'running' });
  store.finish('a');
  expect(store.reserve('a')).toEqual({ state: 'finished' });
  expect(store.reserve('b')).toEqual({ state: 'reserved' });
});

test('a released one may run again, and its attempts are counted', () => {
  const store = new MemoryDedupeStore();
  store.reserve('a');
  store.release('a');
  expect(store.reserve('a')).toEqual({ state: 'reserved', attempt: 2 });
  store.release('a');
  expect(store.reserve('a')).toEqual({ state: 'reserved', attempt: 3 });
  expect(store.reserve('b')).toEqual({ state: 'reserved' });
});

test('releasing what does not run counts nothing', () => {
  const store = new MemoryDedupeStore();
  store.release('a');
  expect(store.reserve('a')).toEqual({ state: 'reserved' });
  store.finish('a');
  store.release('a');
  expect(store.reserve('a')).toEqual({ state: 'finished' });
});

describe('with a clock', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000 });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('a finished delivery is remembered for 24 hours', () => {
    const store = new MemoryDedupeStore();
    store.reserve('a');
    store.finish('a');
    jest.advanceTimersByTime(24 * 60 * 60 * 1000 - 1);
    expect(store.reserve('a')).toEqual({ state: 'finished' });
    jest.advanceTimersByTime(1);
    expect(store.reserve('a')).toEqual({ state: 'reserved' });
  });

  test('`ttlMs` sets how long finished and failed deliveries are remembered', () => {
    const store = new MemoryDedupeStore({ ttlMs: 1000 });
    store.reserve('finished');
    store.finish('finished');
    store.reserve('failed');
    store.release('failed');
    jest.advanceTimersByTime(1000);
    expect([store.reserve('finished'), store.reserve('failed')]).toEqual([
      { state: 'reserved' },
      { state: 'reserved' },
    ]);
  });

  test('a success erases the failures before it', () => {
    const store = new MemoryDedupeStore({ ttlMs: 1000 });
    store.reserve('a');
    store.release('a');
    jest.advanceTimersByTime(500);
    store.reserve('a');
    store.finish('a');
    jest.advanceTimersByTime(1000);
    expect(store.reserve('a')).toEqual({ state: 'reserved' });
  });

  test('a running delivery is never forgotten', () => {
    const store = new MemoryDedupeStore({ ttlMs: 1000, maxEntries: 2 });
    store.reserve('a');
    for (const id of ['b', 'c', 'd']) {
      store.reserve(id);
      store.finish(id);
    }
    jest.advanceTimersByTime(5000);
    expect(store.reserve('a')).toEqual({ state: 'running' });
  });
});

test('the store keeps at most `maxEntries` deliveries, including the newest', () => {
  const store = new MemoryDedupeStore({ maxEntries: 10 });
  const ids = Array.from({ length: 100 }, (_, number) => String(number));
  for (const id of ids) {
    store.reserve(id);
    store.finish(id);
  }
  const finished = ids.filter((id) => store.reserve(id).state === 'finished');
  expect(finished.length).toBeLessThanOrEqual(10);
  expect(finished).toEqual(expect.arrayContaining(ids.slice(-5)));
});

test.each([
  { ttlMs: Number.NaN },
  { ttlMs: 0 },
  { ttlMs: '1 day' },
  { maxEntries: Number.NaN },
  { maxEntries: 0 },
  { maxEntries: -1 },
])('sizes that cannot be right, such as %p, are refused: with them nothing would be remembered', (sizes) => {
  expect(() => new MemoryDedupeStore(sizes as object)).toThrow(
    expect.objectContaining({
      code: 'ERR_OPTION_INVALID',
      message: expect.stringContaining(Object.keys(sizes).join()),
    }),
  );
});
