import { type Digest, DigestTable } from '../../src/dedupe/digest-table.js';
import fc from '../helpers/properties.js';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** Few different ones, many of which want the same slot. */
const digest = fc.tuple(
  fc.constantFrom(0, 1, 1023, 1024, 2047, 2 ** 32 - 1),
  fc.constantFrom(0, 1),
  fc.constantFrom(0, 7),
  fc.constantFrom(0, 2 ** 32 - 1),
);

test('has what a Map has', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(digest, fc.tuple(word, word, word, word)), fc.integer({ min: 1 }))),
      (entries) => {
        const table = new DigestTable();
        const map = new Map<string, number>();
        for (const [digest, until] of entries) {
          table.set(digest as Digest, until);
          map.set(digest.join(), until);
        }
        expect(table.size).toBe(map.size);
        for (const [digest] of entries) expect(table.expiryOf(digest as Digest)).toBe(map.get(digest.join()));
      },
    ),
  );
});

test('grows, and finds everything afterwards and nothing else', () => {
  const table = new DigestTable();
  // All of them begin at the same few slots.
  const nth = (index: number): Digest => [index % 3, index, 0, 2 ** 32 - 1];
  for (let index = 0; index < 5_000; index++) table.set(nth(index), index + 1);
  expect(table.size).toBe(5_000);
  for (let index = 0; index < 5_000; index++) expect(table.expiryOf(nth(index))).toBe(index + 1);
  for (let index = 5_000; index < 5_100; index++) expect(table.expiryOf(nth(index))).toBe(0);
});

test('is empty once it is cleared', () => {
  const table = new DigestTable();
  table.set([1, 2, 3, 4], 5);
  table.clear();
  expect([table.size, table.expiryOf([1, 2, 3, 4])]).toEqual([0, 0]);
});
