import { unicodeEscape } from '../../src/shared/unicode-escape.js';

test('writes each UTF-16 unit as an escape that JSON reads as the same text', () => {
  expect(unicodeEscape("'\u001b🎂")).toBe('\\u0027\\u001b\\ud83c\\udf82');
  expect(JSON.parse(`"${unicodeEscape("'\u001b🎂\ud83c")}"`)).toBe("'\u001b🎂\ud83c");
});
