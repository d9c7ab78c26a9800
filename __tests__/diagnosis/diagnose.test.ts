import crypto, { createHmac } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { bodyVariants } from '../../src/diagnosis/body-variants.js';
import { type Budget, diagnose, diagnoseWithin } from '../../src/diagnosis/diagnose.js';

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
      { id: 'key-of-another-event', what: 'The event is User.LoggedIn, but it was signed with the key of Email.Sent.' },
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
  expect(diagnose(inflated, { maxHashedBytes: 8_000_000 })).toEqual({ verdict: 'unexplained', isExhausted: true });
  const empty = signed(Buffer.alloc(0), 'key-49');
  expect(diagnose(empty, { maxHashedBytes: 8_000_000 })).toMatchObject({ mistakes: [{ id: 'body-empty' }] });
});

test('makes no long text of what is nested deeply', () => {
  const body = Buffer.from('['.repeat(20_000) + ']'.repeat(20_000));
  expect(causes(body, sign(`${body} `))).toEqual(['unexplained']);
});

const K256 = 256 * 1024;
const nested = (depth: number, inner: string): string => '['.repeat(depth) + inner + ']'.repeat(depth);
const HOSTILE: readonly (readonly [string, Buffer])[] = [
  ['of [', Buffer.alloc(K256, '[')],
  ['of {"a":', Buffer.alloc(K256, '{"a":')],
  ['of closed brackets', Buffer.from(nested(K256 / 2, ''))],
  ['of many elements', Buffer.from(`[${'1,'.repeat(K256 / 2 - 2)}1]`)],
  ['of many elements, deep down', Buffer.from(nested(99, `${'1,'.repeat(K256 / 2 - 200)}1`))],
  ['of many deep elements', Buffer.from(`[${`${nested(90, '')},`.repeat(1_400)}0]`)],
  ['of members', Buffer.from(`{${Array.from({ length: 18_000 }, (_, index) => `"k${index}":1`).join()}}`)],
  ['of backslashes', Buffer.alloc(K256, '\\')],
  ['of \\u', Buffer.alloc(K256, '\\u')],
  ['of escapes', Buffer.from(`"${'\\u00e9'.repeat(43_000)}"`)],
  ['of letters that are not ASCII', Buffer.from(`"${'é'.repeat(K256 / 2 - 1)}"`)],
  ['of line breaks', Buffer.alloc(K256, '\r\n')],
  ['that inflates', brotliCompressSync(Buffer.alloc(4_000_000))],
];

describe('44. within a budget', () => {
  const keys = Array.from({ length: 59 }, (_, index) => ({ key: `key-${index}`, event: `Event.${index}` }));
  const forged = (body: Buffer) => ({ body, keys, signature: sign(body, 'another key') });

  /** A clock that counts steps: it is read before each of them. */
  function counted(budget: Partial<Budget> = {}) {
    let reads = 0;
    const pauses: number[] = [];
    const whole: Budget = {
      totalMs: 1_000_000,
      sliceMs: 10,
      now: () => reads++,
      pause: async () => void pauses.push(reads),
      ...budget,
    };
    return { budget: whole, pauses, steps: () => reads };
  }

  test('finds what it finds without one', async () => {
    const capture = { body: BODY, keys: [{ key: `${KEY}\n`, event: null }], signature: sign(BODY) };
    expect(await diagnoseWithin(counted().budget, capture)).toEqual(diagnose(capture));
    expect(await diagnoseWithin(counted().budget, forged(BODY))).toEqual({ verdict: 'unexplained' });
  });

  test.each(HOSTILE)('pauses after each slice of steps, none of which hashes much, for a body %s', async (_, body) => {
    const capture = forged(body);
    const update = jest.spyOn(crypto.Hmac.prototype, 'update');
    const { budget, pauses, steps } = counted({ maxHashedBytes: 8 * K256, maxRewrittenBytes: K256 });
    await diagnoseWithin(budget, capture);
    const sizes = update.mock.calls.map(([bytes]) => (bytes as unknown as Buffer).length);
    update.mockRestore();
    expect(pauses.length).toBeGreaterThanOrEqual(Math.floor(steps() / 13));
    for (const [index, pause] of pauses.entries()) expect(pause - (pauses[index - 1] ?? 0)).toBeLessThanOrEqual(13);
    expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(K256);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(8 * K256);
  });

  test('pauses among bodies that it may not hash, however many keys there are', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ key: `key-${index}`, event: null }));
    const { budget, pauses } = counted({ maxHashedBytes: 1_000 });
    await diagnoseWithin(budget, { ...forged(Buffer.alloc(1_000, 'x')), keys: many });
    expect(pauses.length).toBeGreaterThan(many.length / 13);
  });

  test.each(HOSTILE)('makes no body of more than 16 times the length, or 4 MiB, of one %s', (_, body) => {
    const made = [...bodyVariants(body, K256)].map((variant) => variant?.value.length ?? 0);
    expect(made.length).toBeGreaterThan(5);
    expect(Math.max(...made)).toBeLessThanOrEqual(Math.max(16 * body.length, 4 * 1024 * 1024));
  });

  test.each([101, 3_000, 100_000])('writes nothing that is nested %d levels deep, however many elements', (depth) => {
    const stringify = jest.spyOn(JSON, 'stringify');
    expect(causes(nested(depth, '1,[2],{"a":[3]}'), sign('x'))).toEqual(['unexplained']);
    expect(stringify).not.toHaveBeenCalled();
    stringify.mockRestore();
  });

  test('parses a body once for all that it writes of it', () => {
    const parse = jest.spyOn(JSON, 'parse');
    expect(causes('{ "a": [1, 2] }', sign('x'))).toEqual(['unexplained']);
    expect(parse).toHaveBeenCalledTimes(1);
    parse.mockRestore();
  });

  test('ends when it is used up, and says so', async () => {
    const { budget, steps } = counted({ totalMs: 100 });
    expect(await diagnoseWithin(budget, forged(BODY))).toEqual({ verdict: 'unexplained', isExhausted: true });
    expect(steps()).toBeLessThan(130);
  });

  test('looks only at the ends of a longer body than may be rewritten, and says so', () => {
    const body = Buffer.from(JSON.stringify({ event: 'User.LoggedIn', long: 'x'.repeat(1_000) }, null, 2));
    const capture = (signature: string, sent = body) => ({ body: sent, signature, keys: [{ key: KEY, event: null }] });
    const limits = { maxRewrittenBytes: 1_000 };
    const compact = JSON.stringify(JSON.parse(`${body}`));
    expect(diagnose(capture(sign(compact)), limits)).toEqual({ verdict: 'unexplained', isExhausted: true });
    expect(diagnose(capture(sign(compact)))).toMatchObject({ mistakes: [{ id: 'body-restringified' }] });
    for (const [id, changed] of [
      ['body-newline-added', Buffer.from(`${body}\r\n`)],
      ['body-bom-added', Buffer.from(BOM + body)],
    ] as const) {
      expect(diagnose(capture(sign(body), changed), limits)).toMatchObject({ mistakes: [{ id }] });
    }
    expect(diagnose(capture(sign(body)), limits)).toEqual({ verdict: 'valid' });
  });

  test('a signature that is too long for 32 bytes costs nothing', () => {
    const hmac = jest.spyOn(crypto, 'createHmac');
    for (const text of [`"x${'"'.repeat(100_000)}x`, ' '.repeat(100_000), `a:${' b'.repeat(50_000)}`]) {
      expect(diagnose({ body: BODY, signature: text, keys })).toEqual({ verdict: 'unexplained' });
    }
    expect(hmac).not.toHaveBeenCalled();
    hmac.mockRestore();
  });
});
