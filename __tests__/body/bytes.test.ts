import { bytesOf } from '../../src/body/bytes.js';

test('a Buffer is itself', () => {
  const bytes = Buffer.from('body');
  expect(bytesOf(bytes)).toBe(bytes);
});

test('a part of a larger array is just that part, in the same memory', () => {
  const whole = new TextEncoder().encode('before body after');
  const bytes = bytesOf(whole.subarray(7, 11));
  expect(bytes?.toString()).toBe('body');
  whole[7] = 'B'.charCodeAt(0);
  expect(bytes?.toString()).toBe('Body');
});

test('text is its UTF-8', () => {
  expect(bytesOf('é')).toEqual(Buffer.from([0xc3, 0xa9]));
});

test.each([undefined, null, {}, [1], 7])('%j has no bytes', (value) => {
  expect(bytesOf(value)).toBeUndefined();
});
