import { createHmac } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { diagnose } from '../../src/diagnosis/diagnose.js';

const KEY = 'c2VjcmV0LWtleS1vZi1hLXdlYmhvb2s=';
const BODY = Buffer.from('{"event":"User.LoggedIn","data":{"name":"Zoé 😀","n":1.5},"list":[1,2]}');

const digest = (body: Buffer | string, key: Buffer | string = KEY) => createHmac('sha256', key).update(body).digest();
const sign = (body: Buffer | string, key: Buffer | string = KEY): string => digest(body, key).toString('base64');
const causes = (body: Buffer | string, signature: string, key = KEY): string[] => {
  const found = diagnose({ body: Buffer.from(body), signature, keys: [{ key, event: null }] });
  return found.verdict === 'explained' ? found.mistakes.map(({ id }) => id) : [found.verdict];
};

test('what is right is right', () => {
  expect(causes(BODY, sign(BODY))).toEqual(['valid']);
});

const PARSED = JSON.parse(BODY.toString());
const INDENTED = JSON.stringify(PARSED, null, 2);
const SPACED = '{"event": "User.LoggedIn", "data": {"name": "Zo\\u00e9 \\ud83d\\ude00", "n": 1.5}, "list": [1, 2]}';
const TEXT = BODY.toString();
const BOM = '\ufeff';
/** Two bodies: one whose signature has both characters in which the URL form differs, and one whose has neither. */
const PLUS_AND_SLASH = bodyWhose((signature) => signature.includes('+') && signature.includes('/'));
const LETTERS = bodyWhose((signature) => /^[A-Za-z\d]+=$/.test(signature));

function bodyWhose(fits: (signature: string) => boolean): string {
  for (let n = 0; ; n++) if (fits(sign(`{"n":${n}}`))) return `{"n":${n}}`;
}

test.each<[cause: string, body: Buffer | string, signature: string, key?: string]>([
  ['body-unescaped', TEXT.replace('é', '\\u00e9').replace('😀', '\\ud83d\\ude00'), sign(BODY)],
  ['body-restringified', INDENTED, sign(BODY)],
  [
    'body-restringified',
    '{"event":"User.LoggedIn","data":{"name":"Zo\\u00e9 \\ud83d\\ude00","n":1.50},"list":[1,2]}',
    sign(BODY),
  ],
  ['body-indented-2', BODY, sign(INDENTED)],
  ['body-indented-4', BODY, sign(JSON.stringify(PARSED, null, 4))],
  ['body-spaced', '{"event":"Email.Sent","data":{"n":1}}', sign('{"event": "Email.Sent", "data": {"n": 1}}')],
  ['body-escaped', BODY, sign(TEXT.replace('é', '\\u00e9').replace('😀', '\\ud83d\\ude00'))],
  ['body-bom-added', BOM + TEXT, sign(BODY)],
  ['body-bom-removed', BODY, sign(BOM + TEXT)],
  ['body-newline-added', `${TEXT}\n`, sign(BODY)],
  ['body-newline-added', `${TEXT}\r\n`, sign(BODY)],
  ['body-newline-removed', BODY, sign(`${TEXT}\n`)],
  ['body-crlf', '{\r\n"event":"x",\r\n"n":1.0}', sign('{\n"event":"x",\n"n":1.0}')],
  ['body-lf', '{\n"event":"x",\n"n":1.0}', sign('{\r\n"event":"x",\r\n"n":1.0}')],
  ['body-latin1-as-utf8', Buffer.from(BODY.toString('latin1')), sign(BODY)],
  ['body-utf8-as-latin1', Buffer.from('{"name":"Zoé"}', 'latin1'), sign('{"name":"Zoé"}')],
  ['body-gzip', gzipSync(BODY), sign(BODY)],
  ['body-gzip', deflateSync(BODY), sign(BODY)],
  ['body-gzip', brotliCompressSync(BODY), sign(BODY)],
  ['body-empty', BODY, sign('')],
  ['key-space', BODY, sign(BODY), `${KEY}\n`],
  ['key-space', BODY, sign(BODY), ` ${KEY}`],
  ['key-line-break', BODY, sign(BODY, `${KEY}\n`)],
  ['key-quoted', BODY, sign(BODY, `"${KEY}"`)],
  ['key-quotes', BODY, sign(BODY), `"${KEY}"`],
  ['key-base64', BODY, sign(BODY, Buffer.from(KEY, 'base64'))],
  ['key-hex', BODY, sign(BODY, Buffer.from('00ff00ff', 'hex')), '00ff00ff'],
  ['signature-hex', BODY, digest(BODY).toString('hex')],
  ['signature-hex-in-base64', BODY, Buffer.from(digest(BODY).toString('hex')).toString('base64')],
  ['signature-url', BODY, digest(BODY).toString('base64url')],
  ['signature-url', BODY, `${digest(BODY).toString('base64url')}=`],
  ['signature-padding', BODY, sign(BODY).slice(0, -1)],
  ['signature-padding', PLUS_AND_SLASH, sign(PLUS_AND_SLASH).slice(0, -1)],
  ['signature-padding', LETTERS, sign(LETTERS).slice(0, -1)],
  ['signature-header-line', BODY, `x-signature: ${sign(BODY)}`],
  ['signature-prefix', BODY, `sha256=${sign(BODY)}`],
  ['signature-space', BODY, `"${sign(BODY)}"\n`],
])('names the cause: %s (%#)', (cause, body, signature, key = KEY) => {
  expect(causes(body, signature, key)).toEqual([cause]);
});

test('names what comes together, the fewest that explain it', () => {
  expect(causes(`${TEXT}\n`, sign(BODY), `${KEY} `)).toEqual(['key-space', 'body-newline-added']);
  expect(causes(INDENTED, digest(BODY).toString('hex'))).toEqual(['signature-hex', 'body-restringified']);
});

test('recognises a signature without its padding only where it has the length of one', () => {
  for (const signature of [sign(BODY).slice(0, -2), `${sign(BODY).slice(0, -1)}A`, `${sign(BODY)}=`]) {
    expect(causes(BODY, signature)).toEqual(['unexplained']);
  }
});

test('names the key of another event', () => {
  const keys = [
    { key: 'the right one', event: 'User.LoggedIn' },
    { key: KEY, event: 'Email.Sent' },
  ];
  const found = diagnose({ body: BODY, signature: sign(BODY), keys });
  expect(found).toMatchObject({
    verdict: 'explained',
    mistakes: [
      { id: 'key-of-another-event', what: 'It is signed with the key of Email.Sent, and it is a User.LoggedIn.' },
    ],
  });
  expect(diagnose({ body: BODY, signature: sign(BODY, 'the right one'), keys })).toEqual({ verdict: 'valid' });
});

test.each([
  ['another key', BODY, sign(BODY, 'another key')],
  ['a changed body', TEXT.replace('1.5', '1.6'), sign(BODY)],
  ['no signature', BODY, ''],
  ['a signature of another length', BODY, Buffer.alloc(20).toString('base64')],
  ['a compressed body that would be huge', gzipSync(Buffer.alloc(40_000_000)), sign(BODY)],
])('does not explain %s', (_, body, signature) => {
  expect(causes(body, signature)).toEqual(['unexplained']);
});

test('an example of the vendor’s own command line, hex over re-stringified JSON, is explained', () => {
  expect(causes(SPACED, digest(BODY).toString('hex'))).toEqual(['signature-hex', 'body-restringified']);
});

test('hashes no more than it may, and leaves out the long bodies first', () => {
  const keys = Array.from({ length: 50 }, (_, index) => ({ key: `key-${index}`, event: null }));
  const body = brotliCompressSync(Buffer.alloc(4_000_000));
  const signed = (sent: Buffer, key: string) => ({ body, keys, signature: sign(sent, key) });
  const inflated = signed(Buffer.alloc(4_000_000), 'key-49');
  expect(diagnose(inflated)).toMatchObject({ mistakes: [{ id: 'body-gzip' }] });
  expect(diagnose(inflated, { mostBytes: 8_000_000 })).toEqual({ verdict: 'unexplained' });
  const empty = signed(Buffer.alloc(0), 'key-49');
  expect(diagnose(empty, { mostBytes: 8_000_000 })).toMatchObject({ mistakes: [{ id: 'body-empty' }] });
});

test('makes no long text of what is nested deeply', () => {
  const body = Buffer.from('['.repeat(20_000) + ']'.repeat(20_000));
  expect(causes(body, sign(`${body} `))).toEqual(['unexplained']);
});
