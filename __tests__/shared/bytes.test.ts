import { bytesOf } from '../../src/shared/bytes.js';

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

test.each<[string, () => Uint8Array]>([
  ['an array', () => new Uint8Array([1, 2])],
  ['a Buffer', () => Buffer.from(new Uint8Array([1, 2]).buffer)],
])('%s whose bytes were transferred has no bytes', (_what, create) => {
  const bytes = create();
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
  expect(bytesOf(bytes)).toBeUndefined();
});

test('an empty array is an empty body', () => {
  expect(bytesOf(new Uint8Array())).toHaveLength(0);
  expect(bytesOf(Buffer.alloc(0))).toHaveLength(0);
});
