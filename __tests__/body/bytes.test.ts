import { asBuffer } from '../../src/body/bytes.js';

test('a Buffer is itself', () => {
  const bytes = Buffer.from('body');
  expect(asBuffer(bytes)).toBe(bytes);
});

test('a part of a larger array is just that part, in the same memory', () => {
  const whole = new TextEncoder().encode('before body after');
  const bytes = asBuffer(whole.subarray(7, 11));
  expect(bytes.toString()).toBe('body');
  whole[7] = 'B'.charCodeAt(0);
  expect(bytes.toString()).toBe('Body');
});
