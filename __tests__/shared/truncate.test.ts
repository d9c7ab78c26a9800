import { truncate } from '../../src/shared/truncate.js';

test.each([
  ['abcd', 4, 'abcd'],
  ['abcde', 4, 'abcd…'],
  ['abc🎂', 4, 'abc…'],
  ['ab🎂c', 4, 'ab🎂…'],
  ['abc🎂', 5, 'abc🎂'],
  ['', 0, ''],
])('%j at %i units becomes %j', (text, most, shortened) => {
  expect(truncate(text, most)).toBe(shortened);
});
