import { bytesOf } from '../../src/shared/bytes.js';

test('a Buffer is returned as it is', () => {
  const bytes = Buffer.from('body');
  expect(bytesOf(bytes)).toBe(bytes);
});

test('a view of a larger array becomes a Buffer over the same memory', () => {
  const whole = new TextEncoder().encode('before body after');
  const bytes = bytesOf(whole.subarray(7, 11));
  expect(bytes?.toString()).toBe('body');
  whole[7] = 'B'.charCodeAt(0);
  expect(bytes?.toString()).toBe('Body');
});

test('text becomes its UTF-8 bytes', () => {
  expect(bytesOf('é')).toEqual(Buffer.from([0xc3, 0xa9]));
});

test.each([undefined, null, {}, [1], 7])('%j is not bytes', (value) => {
  expect(bytesOf(value)).toBeUndefined();
});

test('an empty array becomes an empty Buffer', () => {
  expect(bytesOf(new Uint8Array())).toHaveLength(0);
  expect(bytesOf(Buffer.alloc(0))).toHaveLength(0);
});
