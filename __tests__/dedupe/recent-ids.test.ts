import { createHash } from 'node:crypto';
import { RecentIds } from '../../src/dedupe/recent-ids.js';

const idOf = (text: string | number): string => createHash('sha256').update(String(text)).digest('hex');

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  jest.useRealTimers();
});

test('has what was added and nothing else, whatever the ids are', () => {
  const recent = new RecentIds(100, 1000);
  const ids = [idOf('a'), idOf('a').toUpperCase(), 'order 1', 'order 2', '', '0'.repeat(64), `${idOf('b')}x`, 'é'];
  for (const id of ids) {
    expect(recent.has(id)).toBe(false);
    recent.add(id);
    expect(recent.has(id)).toBe(true);
  }
  for (const id of [idOf('b'), 'order 3', '0'.repeat(63)]) expect(recent.has(id)).toBe(false);
});

test('an id is there until its time is up, and not at that moment', () => {
  const recent = new RecentIds(10, 1000);
  recent.add(idOf('a'));
  jest.advanceTimersByTime(999);
  expect(recent.has(idOf('a'))).toBe(true);
  jest.advanceTimersByTime(1);
  expect(recent.has(idOf('a'))).toBe(false);
});

test('adding it again gives it its whole time again, also from the old generation', () => {
  const recent = new RecentIds(4, 1000);
  for (const id of ['a', 'b']) recent.add(idOf(id));
  jest.advanceTimersByTime(999);
  recent.add(idOf('a'));
  jest.advanceTimersByTime(999);
  expect([recent.has(idOf('a')), recent.has(idOf('b'))]).toEqual([true, false]);
});

test.each([1, 2, 3, 4, 5, 10, 101, 3_000])('of at most %i ids, the newest half is always there', (max) => {
  const recent = new RecentIds(max, 1000);
  const half = Math.max(1, Math.floor(max / 2));
  const step = Math.ceil(half / 10);
  const ids = Array.from({ length: 4 * max }, (_, number) => idOf(number));
  const missing: string[] = [];
  for (const [number, id] of ids.entries()) {
    recent.add(id);
    for (let back = number; back > Math.max(-1, number - half); back -= step) {
      if (!recent.has(ids[back] ?? '')) missing.push(`${back} after ${number}`);
    }
  }
  expect(missing).toEqual([]);
  expect(ids.filter((id) => recent.has(id)).length).toBeLessThanOrEqual(max);
});
