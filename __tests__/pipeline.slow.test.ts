import { createHmac, webcrypto } from 'node:crypto';
import { createWebhookRouter, type HeadersInput, type IncomingDelivery } from '../src/index.js';
import { FRAMEWORKS } from './helpers/adapters.js';
import { createApp } from './helpers/harness.js';
import fc from './helpers/properties.js';
import { dial, hangUp, head, listen, statusOf } from './helpers/raw-http.js';

// About 210,000 inputs, whose signatures are judged by WebCrypto, which this package does not use. A failure prints its seed.
jest.setTimeout(600_000);
afterEach(hangUp);

const KEYS = ['a-key-used-only-in-tests', 'its-retiring-predecessor'];
const FOREIGN = 'a-key-that-the-receiver-does-not-have';
const NAMES = ['x-signature', 'x-cakemail-signature'];
const LIMIT = 1_000;
/** Every status that the README's table of answers has. */
const TABLE = [200, 202, 400, 403, 405, 408, 409, 413, 415, 422, 500, 503];
const RECEIVE = { batches: 2_000, size: 100 };
const SOCKETS = { batches: 100, size: 50 };

type Pair = readonly [name: string, value: string | readonly string[]];

/** A request: its exact bytes, and its headers in the order in which they are sent. */
interface Sent {
  readonly bytes: Buffer;
  readonly pairs: readonly Pair[];
}

const text = fc
  .tuple(
    fc.constantFrom('User.LoggedIn', 'Email.Sent', 'Email.Error', 'New.Event', '__proto__', ' ', 'é🎉'),
    fc.integer(),
    fc.string({ maxLength: 12 }),
    fc.constantFrom('', '\n', '\r\n', ' '),
  )
  .map(([event, number, string, end]) => Buffer.from(JSON.stringify({ number, string, event }) + end));

const oddText = fc
  .constantFrom(
    '',
    '{}',
    '[]',
    'null',
    '"x"',
    '{"event":""}',
    '{"event":1}',
    '\uFEFF{"event":"Email.Sent"}',
    '{"event":"x"',
  )
  .map((odd) => Buffer.from(odd));

const body = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: oddText },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
);

/** Changes to the bytes after they were signed. */
const CHANGES: readonly ((bytes: Buffer, at: number) => Buffer)[] = [
  ...Array<(bytes: Buffer) => Buffer>(6).fill((bytes) => bytes),
  (bytes, at) => Buffer.from(bytes.map((byte, index) => (index === at % bytes.length ? byte ^ (1 << (at % 8)) : byte))),
  (bytes) => Buffer.concat([bytes, Buffer.from('\n')]),
  (bytes, at) => bytes.subarray(0, at % (bytes.length + 1)),
];

/** In what spelling a signature is sent. Only the first, and white space where a host strips it, may be accepted. */
const SPELLINGS: readonly ((right: string) => string)[] = [
  ...Array<(right: string) => string>(8).fill((right) => right),
  (right) => ` ${right}`,
  (right) => `${right}\t`,
  (right) => Buffer.from(right, 'base64').toString('hex'),
  (right) => Buffer.from(right, 'base64').toString('base64url'),
  (right) => right.slice(0, -1),
  (right) => `${right}=`,
  (right) => `sha256=${right}`,
  (right) => `${right.slice(0, 20)} ${right.slice(20)}`,
  // The other three texts that decode to the same bytes have set trailing bits.
  (right) => right.slice(0, -2) + String.fromCharCode(right.charCodeAt(42) + 1) + right.slice(-1),
  (right) => right.toLowerCase(),
  (right) => `${right}, ${right}`,
  () => '',
  () => 'A'.repeat(43),
  () => `${'A'.repeat(43)}=`,
];

const oddCase = (name: string, at: number): string => (at % 2 === 0 ? name : name.toUpperCase());

/** Under which names it is sent, and how often. */
const HEADERS: readonly ((signature: string, at: number) => readonly Pair[])[] = [
  ...Array<(signature: string, at: number) => Pair[]>(4).fill((signature, at) => [
    [oddCase('x-signature', at), signature],
  ]),
  (signature, at) => [[oddCase('x-cakemail-signature', at), signature]],
  (signature) => [
    ['x-signature', signature],
    ['x-cakemail-signature', 'wrong'],
  ],
  (signature) => [
    ['x-signature', 'wrong'],
    ['x-cakemail-signature', signature],
  ],
  (signature) => [
    ['x-signature', signature],
    ['X-Signature', signature],
  ],
  (signature) => [
    ['X-Signature', 'wrong'],
    ['x-signature', signature],
  ],
  (signature) => [['x-signatures', signature]],
  () => [],
];

const sent = fc
  .record({
    body,
    pad: fc.integer({ min: 0, max: 60 }).map((luck) => luck === 0),
    key: fc.constantFrom(...KEYS, ...KEYS, FOREIGN),
    change: fc.constantFrom(...CHANGES),
    spell: fc.constantFrom(...SPELLINGS),
    place: fc.constantFrom(...HEADERS),
    at: fc.nat({ max: 10_000 }),
  })
  .map(({ body, pad, key, change, spell, place, at }): Sent => {
    const signed = pad ? Buffer.concat([body, Buffer.alloc(LIMIT, ' ')]) : body;
    const signature = createHmac('sha256', key).update(signed).digest('base64');
    return { bytes: change(signed, at), pairs: place(spell(signature), at) };
  });

const imported = KEYS.map((key) =>
  webcrypto.subtle.importKey('raw', Buffer.from(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
);

/** The signatures that these bytes have under the receiver's keys, by WebCrypto. */
async function signaturesOf(bytes: Buffer): Promise<string[]> {
  const digests = imported.map(async (key) => webcrypto.subtle.sign('HMAC', await key, bytes));
  return (await Promise.all(digests)).map((digest) => btoa(String.fromCharCode(...new Uint8Array(digest))));
}

/** Tells whether the first of the names that is present carries exactly one signature, and whether that is right. */
async function isAuthentic({ bytes, pairs }: Sent, trims: boolean): Promise<boolean> {
  for (const name of NAMES) {
    const values = pairs.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
    if (values.length === 0) continue;
    const [value] = values;
    if (values.length > 1 || typeof value !== 'string') return false;
    return (await signaturesOf(bytes)).includes(trims ? value.trim() : value);
  }
  return false;
}

/** The name of the event that these bytes are, if they are one. */
function eventNameIn(bytes: Buffer): string | undefined {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    const name = Object.hasOwn(value, 'event') ? value.event : undefined;
    return typeof name === 'string' && name.trim() !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The status that the router must answer with, and whether it must have run the handlers. */
async function expectation(request: Sent, trims: boolean): Promise<{ status: number; runs: boolean }> {
  if (request.bytes.length > LIMIT) return { status: 413, runs: false };
  if (!(await isAuthentic(request, trims))) return { status: 403, runs: false };
  const name = eventNameIn(request.bytes);
  if (name === undefined) return { status: 400, runs: false };
  return { status: name === 'Email.Error' ? 500 : 200, runs: true };
}

const OPTIONS = { secret: KEYS, limit: LIMIT, dedupe: false, logger: {} } as const;

/** Counts what reaches the handlers of a router, by the bytes. */
function watch(webhooks: ReturnType<typeof createWebhookRouter>): Buffer[] {
  const handled: Buffer[] = [];
  webhooks.onAny((event, { rawBody }) => {
    handled.push(rawBody);
    if (event.event === 'Email.Error') throw new Error('not this one');
  });
  return handled;
}

describe('receive()', () => {
  /** The headers as a plain object, which may hold two spellings of a name, or as Fetch headers, which join and trim. */
  const forms: readonly { readonly trims: boolean; readonly of: (pairs: readonly Pair[]) => HeadersInput }[] = [
    { trims: false, of: (pairs) => Object.fromEntries(pairs) },
    { trims: true, of: (pairs) => new Headers(pairs.map(([name, value]): [string, string] => [name, `${value}`])) },
  ];
  /** A list in place of a text, as some adapters give it. */
  const asList = ({ bytes, pairs }: Sent): Sent => ({
    bytes,
    pairs: pairs.map(([name, value]) => [name, [`${value}`]]),
  });
  const given = fc
    .record({ sent, form: fc.constantFrom(0, 0, 0, 1, 2) })
    .map(({ sent, form }) => (form === 2 ? { request: asList(sent), form: 0 } : { request: sent, form }));

  test('accepts exactly what the oracle accepts, and runs the handlers for nothing else', async () => {
    const webhooks = createWebhookRouter(OPTIONS);
    const handled = watch(webhooks);
    const statuses = new Map<number, number>();
    const batch = fc.array(given, { minLength: RECEIVE.size, maxLength: RECEIVE.size, size: 'max' });
    await fc.assert(
      fc.asyncProperty(batch, async (requests) => {
        const expected = await Promise.all(
          requests.map(({ request, form }) => expectation(request, forms[form]?.trims ?? false)),
        );
        for (const [index, { request, form }] of requests.entries()) {
          handled.length = 0;
          const headers = forms[form]?.of(request.pairs) ?? {};
          const { status } = await webhooks.receive({ rawBody: request.bytes, headers });
          const ran = handled.map((bytes) => bytes.toString('hex'));
          const { runs, ...answer } = expected[index] ?? { status: 0, runs: false };
          expect({ status, ran }).toEqual({ ...answer, ran: runs ? [request.bytes.toString('hex')] : [] });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      }),
      { numRuns: RECEIVE.batches },
    );
    // The inputs were of every kind, and enough of them.
    expect([...statuses.keys()].sort()).toEqual([200, 400, 403, 413, 500]);
    expect([...statuses.values()].reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(200_000);
    for (const count of statuses.values()) expect(count).toBeGreaterThan(1_000);
    await webhooks.close();
  });

  test('neither rejects nor hangs, whatever it is given', async () => {
    const webhooks = createWebhookRouter(OPTIONS);
    const handled = watch(webhooks);
    const anything = fc.anything({ withTypedArray: true, withMap: true, withNullPrototype: true, withBigInt: true });
    const incoming = fc.oneof(anything, fc.record({ rawBody: fc.oneof(body, anything), headers: anything }));
    await fc.assert(
      fc.asyncProperty(incoming, async (odd) => {
        expect(TABLE).toContain((await webhooks.receive(odd as IncomingDelivery)).status);
        expect(handled).toEqual([]);
      }),
      { numRuns: 10_000 },
    );
    await webhooks.close();
  });
});

describe.each([['http.createServer(webhooks)', undefined], ...FRAMEWORKS.slice(0, 1)] as const)(
  '%s',
  (_name, framework) => {
    /** How the body is sent: with its length, in chunks, in pieces, or cut off in the middle. */
    const manner = fc.record({
      chunked: fc.boolean(),
      pieces: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
      cut: fc.integer({ min: 0, max: 15 }).map((luck) => luck === 0),
    });
    const given = fc.record({ sent, manner });

    function inPieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
      const pieces: Buffer[] = [];
      let from = 0;
      for (const size of sizes) {
        pieces.push(bytes.subarray(from, from + size));
        from += size;
      }
      return [...pieces, bytes.subarray(from)].filter(({ length }) => length > 0);
    }

    function written({
      sent,
      manner,
    }: {
      sent: Sent;
      manner: { chunked: boolean; pieces: number[]; cut: boolean };
    }): Buffer {
      const { bytes, pairs } = sent;
      const lines = pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const framing = manner.chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.length };
      const start = head(framing).slice(0, -2) + lines;
      const pieces = inPieces(bytes, manner.pieces);
      const chunks = pieces.map((piece) =>
        Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
      );
      const end = manner.chunked && !manner.cut ? '0\r\n\r\n' : '';
      const whole = Buffer.concat([
        Buffer.from(`${start}\r\n`),
        ...(manner.chunked ? chunks : pieces),
        Buffer.from(end),
      ]);
      return manner.cut && !manner.chunked ? whole.subarray(0, whole.length - 1) : whole;
    }

    test('answers exactly what the oracle says, and runs the handlers for nothing else', async () => {
      const { webhooks, listener } = createApp(OPTIONS, framework && { framework });
      const handled = watch(webhooks);
      const { port } = await listen(framework === undefined ? webhooks : listener);
      const batch = fc.array(given, { minLength: SOCKETS.size, maxLength: SOCKETS.size, size: 'max' });
      await fc.assert(
        fc.asyncProperty(batch, async (requests) => {
          handled.length = 0;
          const wanted: string[] = [];
          await Promise.all(
            requests.map(async (request) => {
              const { status, runs } = await expectation(request.sent, true);
              const { socket, answer, closed } = dial(port, written(request));
              if (request.manner.cut) socket.end();
              const answered = statusOf(await answer);
              socket.destroy();
              await closed;
              if (request.manner.cut && request.sent.bytes.length > 0) {
                // Node itself answers 400 to a body that is cut off, or the connection ends.
                expect([...TABLE, Number.NaN]).toContain(answered);
                expect(answered).not.toBe(200);
                return;
              }
              if (request.manner.cut) return;
              expect(answered).toBe(status);
              if (runs) wanted.push(request.sent.bytes.toString('hex'));
            }),
          );
          expect(handled.map((bytes) => bytes.toString('hex')).sort()).toEqual(wanted.sort());
        }),
        { numRuns: SOCKETS.batches },
      );
      await webhooks.close();
    });
  },
);
