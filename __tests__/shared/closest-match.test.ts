import { closestMatch, typoOf } from '../../src/shared/closest-match.js';
import fc from '../helpers/properties.js';

const WORDS = ['secret', 'secrets', 'limit', 'logger'];

test.each([
  ['secret', 'secret'],
  ['SECRET', 'secret'],
  ['sercet', 'secret'],
  ['seecrets', 'secrets'],
  ['lmit', 'limit'],
  ['loger', 'logger'],
])('%j probably means %j', (word, meant) => {
  expect(closestMatch(word, WORDS)).toBe(meant);
});

test.each(['', 'x', 'banana', 'lxxxt'])('%j matches no candidate', (word) => {
  expect(closestMatch(word, WORDS)).toBeUndefined();
});

test('a third of the letters may differ, and no more', () => {
  expect(closestMatch('abcdxy', ['abcdef'])).toBe('abcdef');
  expect(closestMatch('abcxyz', ['abcdef'])).toBeUndefined();
});

test('of a typo at most two letters differ, and fewer in a short word', () => {
  expect(typoOf('Email.Snet', ['Email.Sent'])).toBe('Email.Sent');
  expect(typoOf('email.sent', ['Email.Sent'])).toBe('Email.Sent');
  expect(typoOf('Xmail.Snet', ['Email.Sent'])).toBeUndefined();
  expect(typoOf('abX', ['abcd'])).toBeUndefined();
});

test('the closest of several candidates wins, and the first of equally close ones', () => {
  expect(closestMatch('abcdeX', ['abcdXY', 'abcdef'])).toBe('abcdef');
  expect(closestMatch('abcdef', ['abcdeX', 'abcdeY'])).toBe('abcdeX');
});

test('letters may be missing at either end', () => {
  expect(closestMatch('ecret', ['secret'])).toBe('secret');
  expect(closestMatch('secre', ['secret'])).toBe('secret');
  expect(closestMatch('ssecret', ['secret'])).toBe('secret');
});

test('a word of more than 64 letters is compared with nothing', () => {
  expect(closestMatch('a'.repeat(64), ['a'.repeat(63)])).toBe('a'.repeat(63));
  expect(closestMatch('a'.repeat(65), ['a'.repeat(65)])).toBeUndefined();
});

test('a word is always the closest match of itself', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1 }), fc.nat(), (words, pick) => {
      const word = words[pick % words.length] ?? '';
      expect(closestMatch(word, words)?.toLowerCase()).toBe(word.toLowerCase());
    }),
  );
});
