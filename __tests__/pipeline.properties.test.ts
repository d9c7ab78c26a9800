import {
  createWebhookRouter,
  type HeadersInput,
  type IncomingDelivery,
  type Outcome,
  type Secret,
  type SecretInput,
} from '../src/index.js';
import { sign } from '../src/testing/index.js';
import fc from './helpers/properties.js';

const SECRET = 'a-key-used-only-in-tests';
const NAMES = ['x-signature', 'x-cakemail-signature'];
const silent = {};

interface Received {
  readonly outcome: Outcome;
  /** The arguments of each handler call. */
  readonly handled: readonly { readonly event: object; readonly rawBody: Buffer }[];
}

async function receive(secret: SecretInput, incoming: unknown): Promise<Received> {
  const webhooks = createWebhookRouter({ secret, logger: silent });
  const handled: { event: object; rawBody: Buffer }[] = [];
  webhooks.onAny((event, { rawBody }) => handled.push({ event, rawBody }));
  const outcome = await webhooks.receive(incoming as IncomingDelivery);
  return { outcome, handled };
}

/** The same name with some letters in upper case. */
function inOddCase(name: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((upper) => [...name].map((letter, at) => (upper[at] ? letter.toUpperCase() : letter)).join(''));
}

const signatureName = fc.constantFrom(...NAMES).chain(inOddCase);

const event = fc.record({
  members: fc.dictionary(fc.string(), fc.jsonValue()),
  name: fc.oneof(
    fc.constantFrom('User.LoggedIn', 'Email.Sent', '__proto__', 'constructor', 'toString', 'x'.repeat(10_000)),
    fc.string({ unit: 'binary', minLength: 1 }).filter((name) => name.trim() !== ''),
  ),
});

/** The JSON text of an event, in one of the many spellings that JSON allows. */
const text = fc
  .tuple(event, fc.nat(3), fc.constantFrom('', '\n', '\r\n', ' \t'))
  .map(([{ members, name }, indent, end]) => ({
    name,
    body: JSON.stringify({ ...members, event: name }, null, indent) + end,
  }));

const key: fc.Arbitrary<Secret> = fc.oneof(
  fc
    .string({ unit: 'binary', minLength: 1 })
    .filter((secret) => !['', 'undefined', 'null'].includes(secret.trim()) && /[^\0]/.test(secret)),
  fc.uint8Array({ minLength: 8, maxLength: 100 }).filter((secret) => secret.some((byte) => byte > 32)),
);

describe('whatever is signed', () => {
  /** The bytes in one of the forms that adapters give them in. */
  const forms: ((body: string) => string | Uint8Array)[] = [
    (body) => body,
    (body) => Buffer.from(body),
    (body) => new Uint8Array(Buffer.from(body)),
    (body) => Buffer.from(`before${body}after`).subarray('before'.length, -'after'.length),
  ];
  const delivery = fc.record({
    text,
    key,
    form: fc.constantFrom(...forms),
    headersOf: fc.tuple(signatureName, fc.boolean()).map(([name, fetch]) => (signature: string): HeadersInput => {
      const headers = { 'content-type': 'application/json', [name]: signature };
      return fetch ? new Headers(headers) : headers;
    }),
  });

  type SignedDelivery = typeof delivery extends fc.Arbitrary<infer D> ? D : never;

  async function expectHandled(secret: SecretInput, signed: SignedDelivery): Promise<void> {
    const { body } = signed.text;
    const headers = signed.headersOf(sign(body, signed.key));
    const { outcome, handled } = await receive(secret, { rawBody: signed.form(body), headers });
    expect(outcome).toMatchObject({ kind: 'unhandled', status: 200 }); // only onAny listens
    expect(handled).toEqual([{ event: JSON.parse(body), rawBody: Buffer.from(body) }]);
  }

  test('reaches the handler with byte-equal rawBody', () =>
    fc.assert(fc.asyncProperty(delivery, (signed) => expectHandled(signed.key, signed))));

  test('reaches it under any key of a list', () =>
    fc.assert(
      fc.asyncProperty(delivery, fc.array(key), fc.array(key), (signed, before, after) =>
        expectHandled([...before, signed.key, ...after], signed),
      ),
    ));

  test('reaches it under a key that is bound to its event, whatever its name', () =>
    fc.assert(
      fc.asyncProperty(delivery, key, (signed, other) =>
        expectHandled({ 'Another.Event': other, [signed.text.name]: [signed.key] } as SecretInput, signed),
      ),
    ));

  test('does not reach it under a key that is bound to another event', () =>
    fc.assert(
      fc.asyncProperty(delivery, async (signed) => {
        const { body } = signed.text;
        const secret = { 'Another.Event': signed.key } as SecretInput;
        const headers = signed.headersOf(sign(body, signed.key));
        const { outcome, handled } = await receive(secret, { rawBody: body, headers });
        expect(outcome).toMatchObject({ kind: 'rejected', reason: 'wrong_key_for_event' });
        expect(handled).toEqual([]);
      }),
    ));
});

describe('whatever else arrives', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: 'binary' }),
    text.map((sent) => sent.body),
    text.map((sent) => Buffer.from(sent.body)),
  );

  /** Signatures from right to absurd, for the body they come with. */
  const signatureOf = fc.oneof(
    fc.constantFrom<((sent: string | Uint8Array) => unknown)[]>(
      (sent) => sign(sent, SECRET),
      (sent) => [sign(sent, SECRET)],
      (sent) => `${sign(sent, SECRET)}, ${sign(sent, SECRET)}`,
      (sent) => sign(sent, SECRET).slice(0, -1),
      (sent) => Buffer.from(sign(sent, SECRET), 'base64'),
      (sent) => ({ toString: () => sign(sent, SECRET) }),
      (sent) => sign(sent, 'the-key-of-another-endpoint'),
    ),
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => () => Buffer.from(bytes).toString('base64')),
    fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }).map((value) => () => value),
  );

  const hostileName = fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'get', 'entries', '');
  const name = fc.oneof(signatureName, hostileName, fc.string({ unit: 'binary' }));

  /** Headers as plain objects, with a prototype or without, and the values that the signature's names have in them. */
  const request = fc
    .record({
      body,
      prototype: fc.constantFrom(Object.prototype, null),
      fields: fc.array(fc.tuple(name, signatureOf), { maxLength: 4 }),
    })
    .map(({ body: rawBody, prototype, fields }) => {
      const headers: Record<string, unknown> = Object.create(prototype);
      for (const [field, valueFor] of fields) {
        const member = { value: valueFor(rawBody), enumerable: true, configurable: true };
        Object.defineProperty(headers, field, member);
      }
      return { rawBody, headers };
    });

  function holds(rawBody: string | Uint8Array, headers: Record<string, unknown>): boolean {
    const carried = Object.entries(headers).filter(([field]) => NAMES.includes(field.toLowerCase()));
    return carried.some(([, value]) => value === sign(rawBody, SECRET));
  }

  function expectRefused({ outcome, handled }: Received): void {
    expect(outcome).toMatchObject({ kind: 'rejected' });
    expect(handled).toEqual([]);
  }

  test('runs no handler unless the HMAC holds, and is never our own failure', () =>
    fc.assert(
      fc.asyncProperty(request, async ({ rawBody, headers }) => {
        const received = await receive(SECRET, { rawBody, headers });
        if (!holds(rawBody, headers)) expectRefused(received);
        expect(received.outcome).not.toMatchObject({ reason: 'internal' });
      }),
      { numRuns: 500 },
    ));

  test('runs no handler unless the HMAC holds, when the headers are Fetch headers', () => {
    const value = fc.string({ unit: fc.constantFrom(...'aZ09+/=, é') });
    const fields = fc.array(fc.tuple(fc.oneof(signatureName, fc.constant('get')), value));
    return fc.assert(
      fc.asyncProperty(body, fields, async (rawBody, pairs) => {
        const received = await receive(SECRET, { rawBody, headers: new Headers(pairs) });
        expectRefused(received);
        expect(received.outcome).toMatchObject({ status: 403 });
      }),
    );
  });

  test('runs no handler when it was signed with another key', () => {
    // HMAC pads short keys with zeros, so a key and the same key with zeros behind it are one key.
    const padded = (secret: Secret): string =>
      Buffer.from(secret)
        .toString('hex')
        .replace(/(00)+$/, '');
    const short = key.filter((secret) => Buffer.from(secret).length <= 64);
    return fc.assert(
      fc.asyncProperty(text, short, short, async ({ body: sent }, ours, theirs) => {
        fc.pre(padded(ours) !== padded(theirs));
        const received = await receive(ours, { rawBody: sent, headers: { 'x-signature': sign(sent, theirs) } });
        expectRefused(received);
        expect(received.outcome).toMatchObject({ status: 403, reason: 'mismatch' });
      }),
    );
  });

  test('runs no handler when it has no shape at all', () => {
    const absurd = fc.anything({ withNullPrototype: true, withTypedArray: true, withBigInt: true, withMap: true });
    const halfway = fc.record({ rawBody: fc.oneof(body, absurd), headers: absurd });
    return fc.assert(
      fc.asyncProperty(fc.oneof(absurd, halfway), async (incoming) => expectRefused(await receive(SECRET, incoming))),
    );
  });

  test.each<[string, () => unknown]>([
    [
      'has members that throw',
      () => ({
        get headers() {
          throw new Error('not readable');
        },
      }),
    ],
    ['is a revoked proxy', () => revoked({ rawBody: '{}', headers: {} })],
    ['has a revoked proxy for headers', () => ({ rawBody: '{}', headers: revoked({}) })],
    [
      'has Fetch headers of its own making that throw',
      () => ({
        rawBody: '{}',
        headers: {
          entries: () => [],
          get: () => {
            throw new Error('not readable');
          },
        },
      }),
    ],
  ])('runs no handler when it %s', async (_, incoming) => {
    expectRefused(await receive(SECRET, incoming()));
  });
});

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}
