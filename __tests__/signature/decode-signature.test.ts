import { decodeSignature } from '../../src/signature/decode-signature.js';
import fc from '../helpers/properties.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));

/** Spellings that are one slip away from a right one. */
const nearMiss = fc
  .tuple(digest, fc.nat(44), fc.nat(2), fc.string({ unit: 'binary', maxLength: 2 }))
  .map(([bytes, at, removed, inserted]) => {
    const text = bytes.toString('base64');
    return text.slice(0, at) + inserted + text.slice(at + removed);
  });

test('32 bytes survive the round trip', () => {
  fc.assert(fc.property(digest, (bytes) => decodeSignature(bytes.toString('base64'))?.equals(bytes) === true));
});

test('only the canonical base64 of 32 bytes decodes, and only to those bytes', () => {
  const text = fc.oneof(nearMiss, fc.string({ unit: 'binary', maxLength: 60 }), fc.base64String({ maxLength: 60 }));
  fc.assert(
    fc.property(text, (spelling) => {
      const decoded = decodeSignature(spelling);
      const canonical = Buffer.from(spelling, 'base64');
      const isCanonical = canonical.length === 32 && canonical.toString('base64') === spelling;
      expect(decoded).toEqual(isCanonical ? canonical : undefined);
    }),
    { numRuns: 500 },
  );
});

test('base64 of more or fewer bytes does not decode', () => {
  const other = fc.uint8Array({ maxLength: 100 }).filter((bytes) => bytes.length !== 32);
  fc.assert(fc.property(other, (bytes) => decodeSignature(Buffer.from(bytes).toString('base64')) === undefined));
});

test('only the sixteen last characters whose spare bits are zero decode', () => {
  const decodable = [...ALPHABET].filter((last) => decodeSignature(`${'A'.repeat(42)}${last}=`) !== undefined);
  expect(decodable.join('')).toBe('AEIMQUYcgkosw048');
});

test('every character of the alphabet, and no other, decodes in the other 42 places', () => {
  const ascii = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
  for (const at of [0, 20, 41]) {
    const decodable = ascii.filter((char) => {
      const text = `${'A'.repeat(at)}${char}${'A'.repeat(42 - at)}=`;
      return decodeSignature(text) !== undefined;
    });
    expect(decodable.sort()).toEqual([...ALPHABET].sort());
  }
});

test.each([
  ['nothing', ''],
  ['44 spaces', ' '.repeat(44)],
  ['44 padding characters', '='.repeat(44)],
  ['another character in the place of the padding', 'A'.repeat(44)],
  ['twice the padding', `${'A'.repeat(42)}==`],
  ['a line break at the end', `${'A'.repeat(43)}=\n`],
  ['a line break in front', `\n${'A'.repeat(43)}=`],
  ['a line of its own among others', `x\n${'A'.repeat(43)}=\nx`],
  ['two signatures in a row', `${'A'.repeat(43)}=`.repeat(2)],
])('%s does not decode', (_, text) => {
  expect(decodeSignature(text)).toBeUndefined();
});
