import { occurredAt } from '../../src/events/occurred-at.js';
import fc from '../helpers/properties.js';

test('created_on is Unix time in seconds', () => {
  expect(occurredAt({ created_on: 1627069315 })).toEqual(new Date('2021-07-23T19:41:55Z'));
});

test('created_on may carry a fraction, and may be 0', () => {
  expect(occurredAt({ created_on: 0.5 })).toEqual(new Date(500));
  expect(occurredAt({ created_on: 0 })).toEqual(new Date(0));
});

test('timestamp is ISO 8601', () => {
  expect(occurredAt({ timestamp: '2026-01-02T03:04:05+01:00' })).toEqual(new Date('2026-01-02T02:04:05Z'));
});

test('of both, created_on counts', () => {
  expect(occurredAt({ created_on: 1, timestamp: '2026-01-02T03:04:05Z' })).toEqual(new Date(1000));
});

test.each([null, '1627069315', {}, 1e300])('timestamp is read when created_on is %j', (created_on) => {
  expect(occurredAt({ created_on, timestamp: '2026-01-02T03:04:05Z' })).toEqual(new Date('2026-01-02T03:04:05Z'));
});

test.each([
  {},
  { created_on: null },
  { created_on: '1627069315' },
  { created_on: 1e300 },
  { created_on: {} },
  { timestamp: '' },
  { timestamp: 'yesterday' },
  { timestamp: 1627069315 },
  { timestamp: null },
])('%j does not say when', (event) => {
  expect(occurredAt(event)).toBeNull();
});

test('whatever is sent gives a valid date or null', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (created_on, timestamp) => {
      const date = occurredAt({ created_on, timestamp });
      expect(date === null || !Number.isNaN(date.getTime())).toBe(true);
    }),
  );
});
