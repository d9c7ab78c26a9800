import { retryDelay } from '../../src/inbox/retries.js';
import fc from '../helpers/properties.js';

const RETRIES = { attempts: 20, baseMs: 1_000, maxMs: 21_600_000 };

test('the longest delay doubles with each attempt, up to `maxMs`', () => {
  const longest = [1, 2, 3, 4, 15, 16, 20, 2_000].map((attempt) => retryDelay(attempt, RETRIES, () => 1));
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_384_000, 21_600_000, 21_600_000, 21_600_000]);
});

test('the delay is a random time from 0 to the longest delay', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const longest = retryDelay(attempt, RETRIES, () => 1);
      const delay = retryDelay(attempt, RETRIES, () => random);
      expect(delay).toBe(Math.round(longest * random));
      expect(Number.isInteger(delay)).toBe(true);
    }),
  );
});

test('the delays of many deliveries differ', () => {
  const delays = new Set(Array.from({ length: 100 }, () => retryDelay(10, RETRIES)));
  expect(delays.size).toBeGreaterThan(50);
});
