import { compareIds, isNewer } from '../../../src/api/client/ids.js';

test('ids that are numbers are in the order of the numbers, however long, and before all others', () => {
  const ids = ['b', '10', '9', '9a', '1a', '123456789012345678901', '123456789012345678900', '009'];
  expect([...ids].sort(compareIds)).toEqual([
    '009',
    '9',
    '10',
    '123456789012345678900',
    '123456789012345678901',
    '1a',
    '9a',
    'b',
  ]);
});

test('only numeric ids show which webhook is newer', () => {
  expect([isNewer('10', '9'), isNewer('9', '10'), isNewer('9', '9')]).toEqual([true, false, false]);
  expect([isNewer('b', 'a'), isNewer('10', 'a')]).toEqual([undefined, undefined]);
});
