import { Secrets } from '../../../src/api/client/redact.js';
import fc from '../../helpers/properties.js';

const ENCODINGS: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => JSON.stringify(secret).slice(1, -1),
  (secret) => JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
  (secret) => new URLSearchParams([['p', secret]]).toString().slice(2),
  (secret) => encodeURIComponent(secret),
  (secret) => encodeURIComponent(secret).replace(/%../g, (byte) => byte.toLowerCase()),
  (secret) => [...secret.split('')].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
];

test('redacts a secret in every encoding', () => {
  const secret = fc.string({ minLength: 4, maxLength: 30, unit: 'binary' }).map((text) => `s3${text}t`);
  fc.assert(
    fc.property(secret, fc.constantFrom(...ENCODINGS), (given, encode) => {
      const secrets = new Secrets();
      secrets.add(given);
      expect(secrets.redact(`before ${encode(given)} after`)).toBe('before … after');
    }),
  );
});

test('redacts the longer of two secrets first', () => {
  const secrets = new Secrets();
  secrets.add('abc', 'abcdef', undefined, '');
  expect(secrets.redact('abcdef abc ab')).toBe('… … ab');
});

test('the oldest tokens are forgotten, the password never', () => {
  const secrets = new Secrets();
  secrets.add('the password');
  for (let index = 0; index < 200; index++) secrets.add(`token-${index}.`);
  expect(secrets.redact('the password, token-0., token-150., token-199.')).toBe('…, token-0., …, …');
});
