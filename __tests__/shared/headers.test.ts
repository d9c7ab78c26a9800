import { type HeadersInput, headerValues, withoutSecrets } from '../../src/shared/headers.js';

describe('the values of a header', () => {
  test('are found whatever the case of its name', () => {
    expect(headerValues({ 'X-SIGnature': 'a' }, 'x-signature')).toEqual(['a']);
  });

  test('are all there when the name comes in several spellings', () => {
    expect(headerValues({ 'x-signature': 'a', 'X-Signature': 'b' }, 'x-signature')).toEqual(['a', 'b']);
  });

  test('are not taken apart when they are a list', () => {
    expect(headerValues({ 'x-signature': ['a', 'b'] }, 'x-signature')).toEqual([['a', 'b']]);
  });

  test('are none when the header is not there', () => {
    expect(headerValues({ 'x-signatures': 'a', 'x-signatur': 'b', 'y-signature': 'c' }, 'x-signature')).toEqual([]);
  });

  test.each([undefined, null])('are none when it is %s', (value) => {
    expect(headerValues({ 'x-signature': value } as HeadersInput, 'x-signature')).toEqual([]);
  });

  test('are there even when they are empty', () => {
    expect(headerValues({ 'x-signature': '' }, 'x-signature')).toEqual(['']);
  });

  test('are none when the name is only inherited', () => {
    expect(headerValues({}, 'constructor')).toEqual([]);
    expect(headerValues(Object.create({ 'x-signature': 'a' }), 'x-signature')).toEqual([]);
  });

  test('are found in an object without a prototype', () => {
    const headers = Object.assign(Object.create(null), { 'X-Signature': 'a' });
    expect(headerValues(headers, 'x-signature')).toEqual(['a']);
  });

  test('are found in Fetch headers', () => {
    const headers = new Headers({ 'X-Signature': 'a' });
    expect(headerValues(headers, 'x-signature')).toEqual(['a']);
    expect(headerValues(headers, 'x-other')).toEqual([]);
  });

  test('are joined by Fetch headers when the name comes twice', () => {
    const headers = new Headers([
      ['x-signature', 'a'],
      ['X-Signature', 'b'],
    ]);
    expect(headerValues(headers, 'x-signature')).toEqual(['a, b']);
  });

  test('are found even if a header is named like a method of Fetch headers', () => {
    const headers = { get: 'a', entries: 'b', 'x-signature': 'c' };
    expect(headerValues(headers, 'get')).toEqual(['a']);
    expect(headerValues(headers, 'x-signature')).toEqual(['c']);
  });
});

describe('headers without secrets', () => {
  const secret = {
    Authorization: 'Bearer token',
    'Proxy-Authorization': 'Basic token',
    Cookie: 'sid=1',
    'Set-Cookie': 'sid=1',
    'X-Signature': 'c2lnbmF0dXJl',
  };

  test('lose credentials, cookies and the signature, and keep the rest in lower case', () => {
    const headers = { ...secret, 'Content-Type': 'application/json', 'x-list': ['a', 'b'] };
    expect(withoutSecrets(headers, ['x-signature'])).toEqual({
      'content-type': 'application/json',
      'x-list': ['a', 'b'],
    });
  });

  test('lose them from Fetch headers too', () => {
    const headers = new Headers({ ...secret, Host: 'example.com' });
    expect(withoutSecrets(headers, ['x-signature'])).toEqual({ host: 'example.com' });
  });

  test('lose the signature under every name that may carry it', () => {
    const headers = { 'x-hook-one': 'a', 'X-Hook-Two': 'b', 'x-hook-three': 'c' };
    expect(withoutSecrets(headers, ['x-hook-one', 'x-hook-two'])).toEqual({ 'x-hook-three': 'c' });
  });

  test('keep a header named __proto__ as a plain member', () => {
    const kept = withoutSecrets(JSON.parse('{"__proto__": "polluted"}'), []);
    expect(Object.entries(kept)).toEqual([['__proto__', 'polluted']]);
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
  });

  test('are a copy', () => {
    const headers = { host: 'example.com', cookie: 'sid=1' };
    withoutSecrets(headers, []);
    expect(headers).toEqual({ host: 'example.com', cookie: 'sid=1' });
  });
});
