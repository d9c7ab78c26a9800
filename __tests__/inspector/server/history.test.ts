import { type NewEntry, summaryOf } from '../../../src/inspector/server/entry.js';
import { History } from '../../../src/inspector/server/history.js';

/** The bound that the README states. */
const MOST_BYTES = 64 * 1024 * 1024;

const some = (id: string, rawBody = Buffer.from('{}')) =>
  ({ id, rawBody, headers: { 'x-a': 'b' }, origin: 'received', signature: 'secret signature' }) as const;
const keysOf = (history: History): number[] => [...history.all()].map(({ key }) => key);

test('the history keeps the latest 10,000 entries', () => {
  const history = new History();
  for (let index = 0; index < 10_005; index++) history.add(some(`${index}`));
  expect(keysOf(history)).toHaveLength(10_000);
  expect(history.oldest).toBe(6);
  expect(history.get(5)).toBeUndefined();
});

test('the history keeps at most 64 MiB', () => {
  const history = new History();
  const rawBody = Buffer.alloc(16 * 1024 * 1024 - 100);
  for (let index = 0; index < 6; index++) history.add(some(`${index}`, rawBody));
  expect(keysOf(history)).toEqual([3, 4, 5, 6]);
});

test.each<[string, Partial<NewEntry>]>([
  ['headers', { headers: { 'x-long': 'x'.repeat(16_000) } }],
  ['headers that are lists', { headers: { 'x-long': Array(16).fill('x'.repeat(1_000)) } }],
  ['names of headers', { headers: { ['x'.repeat(16_000)]: '' } }],
  ['a signature', { signature: 'x'.repeat(16_000) }],
])('44. forgeries with long %s take at most 64 MiB', (_name, long) => {
  const history = new History();
  for (let index = 0; index < 6_000; index++) history.add({ ...some(`${index}`), ...long });
  const count = keysOf(history).length;
  expect(count).toBeGreaterThan(3_500);
  expect(count).toBeLessThan(MOST_BYTES / 16_000);
  expect(history.oldest).toBe(6_001 - count);
});

test('44. errors, handlers and deviations take at most 64 MiB, however they grow', () => {
  const history = new History();
  const entries = Array.from({ length: 100 }, (_, index) => history.add(some(`${index}`)));
  for (const entry of entries) {
    for (let attempt = 1; attempt <= 20; attempt++) {
      const handlers = Array.from({ length: 50 }, () => ({ name: 'h', durationMs: 1, error: 'x'.repeat(2_000) }));
      entry.runs.push({ attempt, at: 1, outcome: 'failed', durationMs: 1, error: 'x', handlers });
    }
    history.change(entry, { outcome: 'failed', cause: 'x'.repeat(1_000), drift: Array(50).fill('x'.repeat(1_000)) });
  }
  const size = 20 * 50 * 2_000 + 51_000;
  expect(keysOf(history).length).toBeLessThanOrEqual(MOST_BYTES / size);
  expect(keysOf(history).length).toBeGreaterThan(25);
  // A change that adds no text takes no more room.
  const kept = keysOf(history);
  for (const entry of entries) for (let time = 0; time < 5; time++) history.change(entry, { outcome: 'handled' });
  expect(keysOf(history)).toEqual(kept);
});

test('a change of a forgotten entry is not announced, and the entry owns no delivery', () => {
  const history = new History();
  const entry = history.add(some('a'));
  history.change(entry, { outcome: 'handled' });
  expect(history.ownerOf('a')).toBe(entry);
  for (let index = 0; index < 10_000; index++) history.add(some(`${index}`));
  const listener = jest.fn();
  history.listen(listener);
  history.change(entry, { status: 200 });
  expect(listener).not.toHaveBeenCalled();
  expect(history.ownerOf('a')).toBeUndefined();
});

test('a summary holds neither headers nor body', () => {
  const history = new History();
  expect(Object.keys(summaryOf(history.add(some('a')))).sort()).toEqual(
    ['at', 'attempts', 'bytes', 'durationMs', 'event', 'id', 'key', 'origin', 'outcome', 'reason', 'status'].sort(),
  );
});
