import crypto from 'node:crypto';
import type { ErrorRequestHandler } from 'express';
import type { Response } from 'supertest';
import {
  type DedupeStore,
  type HeadersInput,
  MemoryDedupeStore,
  type RejectionReason,
  type WebhookError,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { type CreateApp, TWO_ADAPTERS } from '../helpers/adapters.js';
import { createApp, PATH, SECRET, type TestApp } from '../helpers/harness.js';
import { dial, listen, statusOf } from '../helpers/raw-http.js';

const BODY = JSON.stringify(sampleEvent('User.LoggedIn'));
const RIGHT = sign(BODY, SECRET);
const WRONG = sign(BODY, 'the-key-of-another-sender');

afterEach(() => {
  jest.restoreAllMocks();
});

interface Watched extends TestApp {
  /** The reason of each rejection. */
  readonly reasons: RejectionReason[];
  /** The handlers and the dedupe store, which forged requests must not reach. */
  readonly touched: string[];
}

function watch(createApp: CreateApp, options: Partial<WebhookRouterOptions> = {}): Watched {
  const reasons: RejectionReason[] = [];
  const touched: string[] = [];
  const memory = new MemoryDedupeStore();
  const dedupe: DedupeStore = {
    reserve(id) {
      touched.push('stored');
      return memory.reserve(id);
    },
    finish: (id) => memory.finish(id),
    release: (id) => memory.release(id),
  };
  const testApp = createApp({ dedupe, ...options });
  testApp.webhooks.onAny(() => touched.push('handled'));
  testApp.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  return { ...testApp, reasons, touched };
}

async function expectRefused(
  { reasons, touched }: Watched,
  answer: Promise<{ readonly status: number }>,
  reason: RejectionReason,
): Promise<void> {
  const { status } = await answer;
  expect({ status, reasons, touched }).toEqual({ status: 403, reasons: [reason], touched: [] });
}

async function expectAccepted({ reasons, touched }: Watched, answer: Promise<Response>): Promise<void> {
  const { status } = await answer;
  expect({ status, reasons, touched }).toEqual({ status: 200, reasons: [], touched: ['stored', 'handled'] });
}

/** A valid request still gets through: nothing the forgery did outlives it. */
async function expectAlive(app: Watched): Promise<void> {
  const { status } = await app.post(BODY, { 'x-signature': RIGHT });
  expect(status).toBe(200);
}

/** Sends header lines exactly as given, which supertest would check or join. Resolves to the whole response. */
async function postRaw({ listener }: TestApp, lines: readonly string[], encoding: 'latin1' | 'utf8' = 'latin1') {
  const { port, close } = await listen(listener);
  const head = [
    `POST ${PATH} HTTP/1.1`,
    'Host: receiver.test',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(BODY)}`,
    'Connection: close',
    ...lines,
  ];
  const bytes = await dial(port, Buffer.from(`${head.join('\r\n')}\r\n\r\n${BODY}`, encoding)).answer;
  await close();
  return { status: statusOf(bytes), bytes };
}

const KEYS = { 'User.LoggedIn': SECRET, 'Email.Sent': 'the-key-of-another-event' };
const FORGERIES: [RejectionReason, string[]][] = [
  ['missing', []],
  ['missing', ['X-Signature:']],
  ['malformed', [`X-Signature: sha256=${RIGHT}`]],
  ['malformed', [`X-Signature: ${RIGHT}`, `X-Signature: ${RIGHT}`]],
  ['mismatch', [`X-Signature: ${WRONG}`]],
  ['wrong_key_for_event', [`X-Signature: ${sign(BODY, KEYS['Email.Sent'])}`]],
];

async function responsesTo(app: Watched): Promise<Set<string>> {
  const responses = new Set<string>();
  for (const [, lines] of FORGERIES) {
    const { bytes } = await postRaw(app, lines);
    responses.add(bytes.replace(/^Date: .*\r\n/m, ''));
  }
  return responses;
}

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const watchedApp = (options?: Partial<WebhookRouterOptions>) => watch(createApp, options);

  describe('no signature', () => {
    test('1. a request without the header is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY), 'missing');
    });

    test('1. a request with the signature in a header of another name is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { signature: RIGHT, 'x-hub-signature': RIGHT }), 'missing');
    });

    test.each(['', ' ', ' \t '])('2. a request with the blank signature %j is refused', async (blank) => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': blank }), 'missing');
    });

    test.each(['', ' \t '])(
      '2. a request with the blank signature %j is refused even if the other header has the right one',
      async (blank) => {
        const app = watchedApp();
        await expectRefused(app, app.post(BODY, { 'x-signature': blank, 'x-cakemail-signature': RIGHT }), 'missing');
      },
    );
  });

  describe('another length', () => {
    test.each([
      ['one byte long', 'a'],
      ['one character short', RIGHT.slice(0, -1)],
      ['cut in the middle', RIGHT.slice(0, 22)],
      ['one character too long', `${RIGHT}A`],
      ['10 KB long', 'A'.repeat(10 * 1024)],
      ['the right one repeated to 10 KB', RIGHT.repeat(233)],
    ])('3. a signature %s is refused, and the process is alive', async (_, signature) => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': signature }), 'malformed');
      await expectAlive(app);
    });
  });

  describe('a multibyte character', () => {
    const accented = `é${RIGHT.slice(1)}`;

    test('4. a signature of 44 characters, one of them outside ASCII, is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': accented }), 'malformed');
      await expectAlive(app);
    });

    test.each([
      ['44 characters in 44 bytes of Latin-1', accented, 'latin1'],
      ['44 characters in 45 bytes of UTF-8', accented, 'utf8'],
      ['43 characters in 44 bytes of UTF-8', `é${RIGHT.slice(2)}`, 'utf8'],
      ['44 UTF-16 units in 46 bytes of UTF-8', `😀${RIGHT.slice(2)}`, 'utf8'],
    ] as const)('4. a signature of %s is refused', async (_, signature, encoding) => {
      const app = watchedApp();
      await expectRefused(app, postRaw(app, [`X-Signature: ${signature}`], encoding), 'malformed');
      await expectAlive(app);
    });

    test.each(['é', '≈', '\u{1f600}', '\ud83d', '\0'])(
      '4. a signature with %j from an adapter is refused',
      async (odd) => {
        const app = watchedApp();
        const signature = odd + RIGHT.slice(odd.length);
        expect(signature).toHaveLength(44);
        await expectRefused(
          app,
          app.webhooks.receive({ rawBody: BODY, headers: { 'x-signature': signature } }),
          'malformed',
        );
      },
    );
  });

  describe('another encoding', () => {
    test('5. the right digest in hex is refused', async () => {
      const app = watchedApp();
      const hex = Buffer.from(RIGHT, 'base64').toString('hex');
      await expectRefused(app, app.post(BODY, { 'x-signature': hex }), 'malformed');
    });

    test.each(['sha256=', 'v1,', 'sha1='])('5. the right digest with the prefix %s is refused', async (prefix) => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': prefix + RIGHT }), 'malformed');
    });
  });

  describe('another spelling of the right digest, which Buffer.from(text, "base64") would take', () => {
    // A body whose digest has both letters in which the two alphabets differ.
    const payload = Array.from({ length: 1000 }, (_, created_on) =>
      JSON.stringify(sampleEvent('User.LoggedIn', { created_on })),
    ).find((text) => /(?=.*\+).*\//.test(sign(text, SECRET)));
    const body = payload ?? '';
    const right = sign(body, SECRET);
    const lastIsNext = String.fromCharCode(right.charCodeAt(42) + 1);

    test.each([
      ['without its padding', right.slice(0, -1)],
      ['in the base64url alphabet', right.replaceAll('+', '-').replaceAll('/', '_')],
      ['in unpadded base64url', Buffer.from(right, 'base64').toString('base64url')],
      ['with a space inside', `${right.slice(0, 20)} ${right.slice(20)}`],
      ['with a tab inside', `${right.slice(0, 20)}\t${right.slice(20)}`],
      ['with trailing junk', `${right}junk`],
      ['with a comma behind it', `${right},`],
      ['with twice the padding', `${right}=`],
      ['with non-zero trailing bits', `${right.slice(0, 42)}${lastIsNext}=`],
    ])('6. the right digest %s is refused', async (_, spelling) => {
      expect(Buffer.from(spelling, 'base64').subarray(0, 32)).toEqual(Buffer.from(right, 'base64'));
      const app = watchedApp();
      await expectRefused(app, app.post(body, { 'x-signature': spelling }), 'malformed');
    });

    test('6. the right digest in its one right spelling is accepted', async () => {
      const app = watchedApp();
      await expectAccepted(app, app.post(body, { 'x-signature': right }));
    });
  });

  describe('more than one signature', () => {
    test.each([
      ['the right one first', RIGHT, WRONG],
      ['the right one last', WRONG, RIGHT],
      ['the right one twice', RIGHT, RIGHT],
      ['the right one and an empty one', RIGHT, ''],
    ])('7. a request with two signature headers, %s, is refused', async (_, first, second) => {
      const app = watchedApp();
      const lines = [`X-Signature: ${first}`, `x-signature: ${second}`];
      await expectRefused(app, postRaw(app, lines), 'malformed');
    });

    test.each<[string, HeadersInput]>([
      ['a list of one', { 'x-signature': [RIGHT] }],
      ['a list of two', { 'x-signature': [RIGHT, WRONG] }],
      ['two spellings of the name', { 'x-signature': RIGHT, 'X-Signature': RIGHT }],
      ['the joined form of Node', { 'x-signature': `${RIGHT}, ${RIGHT}` }],
      [
        'Fetch headers that were appended to',
        new Headers([
          ['x-signature', RIGHT],
          ['x-signature', RIGHT],
        ]),
      ],
    ])('7. a signature that comes from an adapter as %s is refused', async (_, headers) => {
      const app = watchedApp();
      await expectRefused(app, app.webhooks.receive({ rawBody: BODY, headers }), 'malformed');
    });

    test('7. a request with a wrong signature in the first header and the right one in the second is refused', async () => {
      const app = watchedApp();
      await expectRefused(app, app.post(BODY, { 'x-signature': WRONG, 'x-cakemail-signature': RIGHT }), 'mismatch');
    });
  });

  describe('the wrong key', () => {
    test("8. a body that another endpoint's key signed is refused", async () => {
      const app = watchedApp();
      await expectRefused(app, app.deliver('User.LoggedIn', 'the-key-of-another-endpoint'), 'mismatch');
    });

    test('8. a body that a retired key signed is refused once the key is removed', async () => {
      const before = watchedApp({ secret: ['retired', 'current'] });
      await expectAccepted(before, before.deliver('User.LoggedIn', 'retired'));
      const after = watchedApp({ secret: ['current'] });
      await expectRefused(after, after.deliver('User.LoggedIn', 'retired'), 'mismatch');
    });

    test.each(['', ` ${SECRET}`, `${SECRET}\n`, SECRET.toUpperCase()])(
      '8. a body that the similar key %j signed is refused',
      async (key) => {
        const app = watchedApp();
        await expectRefused(app, app.deliver('User.LoggedIn', key), 'mismatch');
      },
    );
  });

  describe('another body', () => {
    const spaced = '{ "event": "User.LoggedIn", "data": {"scopes": "a\\/b"} }';
    const signature = sign(spaced, SECRET);
    const parsed: unknown = JSON.parse(spaced);
    const swapped = Buffer.from(spaced);
    swapped[20] = (swapped[20] ?? 0) ^ 1;

    test.each([
      ['with one byte flipped', swapped],
      ['with a newline added', `${spaced}\n`],
      ['with a space in front', ` ${spaced}`],
      ['with a byte order mark in front', `\ufeff${spaced}`],
      ['cut by one byte', spaced.slice(0, -1)],
      ['re-indented', JSON.stringify(parsed, null, 2)],
      ['re-stringified', JSON.stringify(parsed)],
      ['with an escape undone', spaced.replace('\\/', '/')],
      ['left out', ''],
    ])('9. the body %s is refused', async (_, body) => {
      const app = watchedApp();
      await expectRefused(app, app.post(body, { 'x-signature': signature }), 'mismatch');
    });

    test('9. the body exactly as signed is accepted', async () => {
      const app = watchedApp();
      await expectAccepted(app, app.post(spaced, { 'x-signature': signature }));
    });
  });

  describe('keys bound to events', () => {
    const secret = { 'Email.Delivered': 'key-a', 'Email.Unsubscribed': ['key-b', 'key-b2'] } as const;

    test("10. an event signed with another event's key is refused, and named in the notice", async () => {
      const app = watchedApp({ secret });
      const named: unknown[] = [];
      app.webhooks.lifecycle.on('rejected', ({ eventName }) => named.push(eventName));
      await expectRefused(app, app.deliver('Email.Unsubscribed', 'key-a'), 'wrong_key_for_event');
      expect(named).toEqual(['Email.Unsubscribed']);
    });

    test('10. an event without a key of its own is refused, whichever key signed it', async () => {
      const app = watchedApp({ secret });
      await expectRefused(app, app.deliver('User.LoggedIn', 'key-a'), 'wrong_key_for_event');
    });

    test('10. an event named after a member of every object is refused', async () => {
      const app = watchedApp({ secret });
      await expectRefused(app, app.deliver({ event: 'toString' }, 'key-a'), 'wrong_key_for_event');
    });

    test('10. an event signed with a key of no event is refused as a mismatch', async () => {
      const app = watchedApp({ secret });
      await expectRefused(app, app.deliver('Email.Delivered', 'key-c'), 'mismatch');
    });

    test('10. each event with a key of its own is accepted', async () => {
      const first = watchedApp({ secret });
      await expectAccepted(first, first.deliver('Email.Delivered', 'key-a'));
      const second = watchedApp({ secret });
      await expectAccepted(second, second.deliver('Email.Unsubscribed', 'key-b2'));
    });
  });

  describe('rotation', () => {
    test.each(['retiring', 'new'])('11. a delivery that the %s key signed is accepted', async (key) => {
      const app = watchedApp({ secret: ['retiring', 'new'] });
      await expectAccepted(app, app.deliver('User.LoggedIn', key));
    });

    test('11. the notice names the key that verified the delivery', async () => {
      const app = watchedApp({ secret: ['retiring', 'new'] });
      const keys: unknown[] = [];
      app.webhooks.lifecycle.on('verified', (notice) => keys.push(notice.keys));
      await app.deliver('User.LoggedIn', 'new');
      expect(keys).toEqual([[1]]);
    });

    test('11. a list that holds an empty key is refused at construction', () => {
      expect(() => createApp({ secret: ['retiring', ''] })).toThrow('`secret[1]` is empty.');
    });
  });

  describe('comparison', () => {
    const keys = ['first', 'second', 'third'];

    test.each([...keys, 'none-of-them'])(
      '12. every key is compared on equal lengths when %s signed',
      async (signer) => {
        const compare = jest.spyOn(crypto, 'timingSafeEqual');
        const { deliver } = createApp({ secret: keys });
        await deliver('User.LoggedIn', signer);
        const lengths = compare.mock.calls.map(([a, b]) => [a.byteLength, b.byteLength]);
        expect(lengths).toEqual(keys.map(() => [32, 32]));
      },
    );

    test('12. keys that are bound to other events are compared too', async () => {
      const compare = jest.spyOn(crypto, 'timingSafeEqual');
      const { deliver } = createApp({ secret: { 'Email.Sent': 'first', 'Email.Opened': ['second', 'third'] } });
      await deliver('Email.Sent', 'first');
      expect(compare).toHaveBeenCalledTimes(3);
    });
  });

  describe('the response to a forgery', () => {
    test('13. all 403s are the same, byte for byte', async () => {
      const app = watchedApp({ secret: KEYS });
      const [response, ...others] = await responsesTo(app);
      expect(others).toEqual([]);
      expect(response).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
      expect(response).toContain('{"error":{"code":"ERR_SIGNATURE",');
      expect(app.reasons).toEqual(FORGERIES.map(([reason]) => reason));
      expect(app.touched).toEqual([]);
    });

    test('13. the reason is in the log', async () => {
      const logged: unknown[] = [];
      const app = watchedApp({ secret: KEYS, logger: { warn: ({ reason }) => logged.push(reason) } });
      await responsesTo(app);
      expect(logged).toEqual(FORGERIES.map(([reason]) => reason));
    });
  });
});

test("13. the app's own error middleware cannot tell the forgeries apart either", async () => {
  const app = watch(createApp, { secret: KEYS, errors: 'next' });
  const errors: WebhookError[] = [];
  const answer: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error);
    res.sendStatus(error.status);
  };
  app.app.use(answer);
  expect(await responsesTo(app)).toHaveProperty('size', 1);
  const told = errors.map((error) => JSON.stringify({ ...error, message: error.message, cause: error.cause }));
  expect(told).toHaveLength(FORGERIES.length);
  expect(new Set(told).size).toBe(1);
});
