import { nearest, slipOf } from '../../src/shared/closest-match.js';
import fc from '../helpers/properties.js';

const WORDS = ['secret', 'secrets', 'limit', 'logger'];

test.each([
  ['secret', 'secret'],
  ['SECRET', 'secret'],
  ['sercet', 'secret'],
  ['seecrets', 'secrets'],
  ['lmit', 'limit'],
  ['loger', 'logger'],
])('%j was probably meant to be %j', (word, meant) => {
  expect(nearest(word, WORDS)).toBe(meant);
});

test.each(['', 'x', 'banana', 'lxxxt'])('%j is near nothing', (word) => {
  expect(nearest(word, WORDS)).toBeUndefined();
});

test('a third of the letters may differ, and no more', () => {
  expect(nearest('abcdxy', ['abcdef'])).toBe('abcdef');
  expect(nearest('abcxyz', ['abcdef'])).toBeUndefined();
});

test('where only slips are meant, at most two letters may differ, and fewer in a short word', () => {
  expect(slipOf('Email.Snet', ['Email.Sent'])).toBe('Email.Sent');
  expect(slipOf('email.sent', ['Email.Sent'])).toBe('Email.Sent');
  expect(slipOf('Xmail.Snet', ['Email.Sent'])).toBeUndefined();
  expect(slipOf('abX', ['abcd'])).toBeUndefined();
});

test('the nearest of several wins, and of equals the first', () => {
  expect(nearest('abcdeX', ['abcdXY', 'abcdef'])).toBe('abcdef');
  expect(nearest('abcdef', ['abcdeX', 'abcdeY'])).toBe('abcdeX');
});

test('letters may be missing at either end', () => {
  expect(nearest('ecret', ['secret'])).toBe('secret');
  expect(nearest('secre', ['secret'])).toBe('secret');
  expect(nearest('ssecret', ['secret'])).toBe('secret');
});

test('a word of more than 64 letters is compared with nothing', () => {
  expect(nearest('a'.repeat(64), ['a'.repeat(63)])).toBe('a'.repeat(63));
  expect(nearest('a'.repeat(65), ['a'.repeat(65)])).toBeUndefined();
});

test('a word is always nearest to itself', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1 }), fc.nat(), (words, pick) => {
      const word = words[pick % words.length] ?? '';
      expect(nearest(word, words)?.toLowerCase()).toBe(word.toLowerCase());
    }),
  );
});
