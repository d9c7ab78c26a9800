import crypto from 'node:crypto';
import { createKeyRing, type KeyRing } from '../../src/signature/key-ring.js';
import { matchingKeys } from '../../src/signature/matching-keys.js';
import { sign } from '../../src/testing/index.js';
import fc from '../helpers/properties.js';

afterEach(() => {
  jest.restoreAllMocks();
});

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const key = fc
  .uint8Array({ minLength: 8, maxLength: 200 })
  // Blank keys are refused, including those that one flipped bit makes blank.
  .filter((array) => array.filter((byte) => byte > 32).length > 1)
  .map((array) => Buffer.from(array));

function ringOf(...keys: (string | Uint8Array)[]): KeyRing {
  return createKeyRing(keys, 'secret', () => {});
}

function digest(body: Buffer, secret: string | Uint8Array): Buffer {
  return Buffer.from(sign(body, secret), 'base64');
}

/** A copy with one bit flipped; `at` may be any number. */
function flipped(original: Buffer, at: number): Buffer {
  const copy = Buffer.from(original);
  const index = (at >> 3) % copy.length;
  copy[index] = (copy[index] ?? 0) ^ (1 << (at & 7));
  return copy;
}

test('the signature of any body matches under the key that signed it', () => {
  fc.assert(
    fc.property(bytes, key, (body, secret) => matchingKeys(body, digest(body, secret), ringOf(secret)).length === 1),
  );
});

test('the signature does not match when one bit of the body is flipped', () => {
  const body = bytes.filter(({ length }) => length > 0);
  fc.assert(
    fc.property(body, key, fc.nat(), (signed, secret, at) => {
      const found = matchingKeys(flipped(signed, at), digest(signed, secret), ringOf(secret));
      expect(found).toEqual([]);
    }),
  );
});

test('the signature does not match when one bit of the key is flipped', () => {
  fc.assert(
    fc.property(bytes, key, fc.nat(), (body, secret, at) => {
      expect(matchingKeys(body, digest(body, secret), ringOf(flipped(secret, at)))).toEqual([]);
    }),
  );
});

test('the signature does not match when one of its own bits is flipped', () => {
  fc.assert(
    fc.property(bytes, key, fc.nat(255), (body, secret, at) => {
      expect(matchingKeys(body, flipped(digest(body, secret), at), ringOf(secret))).toEqual([]);
    }),
  );
});

test('the signature of a key that is not in the ring does not match', () => {
  const body = Buffer.from('{}');
  expect(matchingKeys(body, digest(body, 'another'), ringOf('old', 'new'))).toEqual([]);
});

test('no signature matches an empty ring', () => {
  const body = Buffer.from('{}');
  expect(matchingKeys(body, digest(body, ''), [])).toEqual([]);
});

test.each([0, 1, 2])('the key at index %i of three is found', (position) => {
  const body = Buffer.from('{}');
  const keys = ['old', 'current', 'next'];
  const ring = ringOf(...keys);
  expect(matchingKeys(body, digest(body, keys[position] ?? ''), ring)).toEqual([ring[position]]);
});

test('a key that is listed twice is found twice', () => {
  const body = Buffer.from('{}');
  expect(matchingKeys(body, digest(body, 'same'), ringOf('same', 'same'))).toHaveLength(2);
});

test.each(['old', 'next', 'unknown'])('every key is compared in constant time when the key %j signed', (signer) => {
  const body = Buffer.from('{}');
  const compare = jest.spyOn(crypto, 'timingSafeEqual');
  matchingKeys(body, digest(body, signer), ringOf('old', 'current', 'next'));
  expect(compare.mock.calls.map((pair) => pair.map(({ byteLength }) => byteLength))).toEqual([
    [32, 32],
    [32, 32],
    [32, 32],
  ]);
});

test('the signature is the HMAC-SHA256 of RFC 4231, test case 2', () => {
  const body = Buffer.from('what do ya want for nothing?');
  const expected = Buffer.from('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'hex');
  expect(matchingKeys(body, expected, ringOf('Jefe'))).toHaveLength(1);
});
