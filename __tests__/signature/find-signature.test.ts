import type { HeadersInput } from '../../src/shared/headers.js';
import { findSignature } from '../../src/signature/find-signature.js';

const NAMES = ['x-signature', 'x-cakemail-signature'];
const bytes = Buffer.alloc(32, 7);
const right = bytes.toString('base64');
const other = Buffer.alloc(32, 8).toString('base64');

/** Headers as adapters give them, whatever the compiler thinks of it. */
function find(headers: Record<string, unknown>) {
  return findSignature(headers as HeadersInput, NAMES);
}

test.each(NAMES)('a signature under %s is found', (name) => {
  expect(find({ host: 'example.com', [name]: right })).toEqual({ signature: bytes });
});

test('the case of the name does not matter', () => {
  expect(find({ 'X-Cakemail-Signature': right })).toEqual({ signature: bytes });
});

test('a signature in Fetch headers is found', () => {
  expect(findSignature(new Headers({ 'X-Signature': right }), NAMES)).toEqual({ signature: bytes });
});

test('of two names the first in the list of names counts, in whichever order they were sent', () => {
  expect(find({ 'x-cakemail-signature': other, 'x-signature': right })).toEqual({ signature: bytes });
});

test.each([
  ['malformed', 'not a signature'],
  ['missing', ''],
])('a first name that is %s is not made up for by the second', (reason, first) => {
  expect(find({ 'x-signature': first, 'x-cakemail-signature': right })).toEqual({ reason });
});

test('no header at all is a missing signature', () => {
  expect(find({ 'x-signatures': right, signature: right })).toEqual({ reason: 'missing' });
});

test.each([undefined, null])('a header that is %s is a missing signature', (value) => {
  expect(find({ 'x-signature': value })).toEqual({ reason: 'missing' });
});

test.each(['', ' ', ' \t '])('the blank header %j is a missing signature', (text) => {
  expect(find({ 'x-signature': text })).toEqual({ reason: 'missing' });
});

test.each([
  ['text that is not base64', 'hello'],
  ['the right text with a space in front', ` ${right}`],
  ['the right text twice, as Node joins it', `${right}, ${right}`],
  ['a list of two', [right, other]],
  ['a list of one', [right]],
  ['an empty list', []],
  ['a number', 42],
  ['the bytes themselves', bytes],
  ['an object that turns into the right text', { toString: () => right }],
])('%s is a malformed signature', (_, value) => {
  expect(find({ 'x-signature': value })).toEqual({ reason: 'malformed' });
});

test('the same name in two spellings is a malformed signature', () => {
  expect(find({ 'x-signature': right, 'X-Signature': right })).toEqual({ reason: 'malformed' });
});

test('the same name twice in Fetch headers is a malformed signature', () => {
  const headers = new Headers([
    ['x-signature', right],
    ['x-signature', right],
  ]);
  expect(findSignature(headers, NAMES)).toEqual({ reason: 'malformed' });
});

test('an inherited member does not count as a header', () => {
  expect(find(Object.create({ 'x-signature': right }))).toEqual({ reason: 'missing' });
});
