import { once } from 'node:events';
import type { UnderlyingSource } from 'node:stream/web';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import { Hono } from 'hono';
import { createWebhookRouter, type WebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { FORGED, PATH, SECRET, SIGNED } from '../helpers/harness.js';
import fc from '../helpers/properties.js';
import { chunk, dial, flood, hangUp, head, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

// Jest fails a test during which a promise is rejected unseen, so a rejection that would end a process fails here.

const MB = 1024 * 1024;
const ADDRESS = `https://receiver.test${PATH}`;
const BYTES = new Uint8Array(SIGNED.rawBody);

interface Watched {
  readonly webhooks: WebhookRouter;
  /** The exact text of what reached a handler. */
  readonly seen: string[];
  /** Why requests were refused. */
  readonly reasons: string[];
}

function watched(options: Partial<WebhookRouterOptions> = {}): Watched {
  const webhooks = createWebhookRouter({ ...(options.secrets ? {} : { secret: SECRET }), logger: {}, ...options });
  const seen: string[] = [];
  const reasons: string[] = [];
  webhooks.on(['User.*', 'Email.*'], (_event, { rawBody }) => seen.push(rawBody.toString()));
  webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  return { webhooks, seen, reasons };
}

/** A signed POST, but for what is told. */
function post(init: RequestInit = {}): Request {
  return new Request(ADDRESS, { method: 'POST', headers: SIGNED.headers, body: SIGNED.body, ...init });
}

function signed(text: string, headers: Record<string, string> = {}): Request {
  return post({ body: text, headers: { 'x-signature': sign(text, SECRET), ...headers } });
}

/** A POST whose body is a stream of this making. */
function streamed(source: UnderlyingSource<unknown>, headers: Record<string, string> = {}): Request {
  const body = new ReadableStream(source) as NonNullable<RequestInit['body']>;
  return post({ body, headers: { ...SIGNED.headers, ...headers }, duplex: 'half' });
}

/** A stream of these pieces, and then this. */
function pieces(of: readonly unknown[], last: (controller: ReadableStreamDefaultController) => unknown) {
  const left = [...of];
  const pull = (controller: ReadableStreamDefaultController): unknown =>
    left.length > 0 ? controller.enqueue(left.shift()) : last(controller);
  return { pull: pull as (controller: ReadableStreamDefaultController) => void };
}

const ends = (controller: ReadableStreamDefaultController): void => controller.close();
const waits = (): Promise<never> => new Promise(() => {});

const broken = (): never => {
  throw new Error('do-not-tell');
};

test("with errors: 'next' it responds itself, because there is no next", async () => {
  const { webhooks } = watched({ errors: 'next' });
  expect((await webhooks.fetch(post({ headers: {} }))).status).toBe(403);
});

test('it needs no this', async () => {
  const { fetch } = watched().webhooks;
  expect((await fetch(post())).status).toBe(200);
  const [response] = await Promise.all([post({ headers: {} })].map(fetch));
  expect(response?.status).toBe(403);
});

test('a handler is given the headers, without the signature', async () => {
  const { webhooks } = watched();
  const headers = new Promise((resolve) => webhooks.onAny((_event, delivery) => resolve({ ...delivery.headers })));
  await webhooks.fetch(post({ headers: { ...SIGNED.headers, 'X-Request-Id': '42', authorization: 'Bearer x' } }));
  expect(await headers).toEqual({ 'content-type': 'application/json', 'x-request-id': '42' });
});

describe('a body', () => {
  test.each<[string, () => RequestInit['body']]>([
    ['text', () => SIGNED.body],
    ['bytes', () => BYTES],
    ['a Blob', () => new Blob([SIGNED.body])],
    ['a stream of one piece', () => new Blob([SIGNED.body]).stream() as NonNullable<RequestInit['body']>],
  ])('made of %s is had exactly', async (_what, body) => {
    const { webhooks, seen } = watched();
    const response = await webhooks.fetch(post({ body: body() as NonNullable<RequestInit['body']>, duplex: 'half' }));
    expect(response.status).toBe(200);
    expect(seen).toEqual([SIGNED.body]);
  });

  test('streamed byte by byte is had exactly', async () => {
    const { webhooks, seen } = watched();
    const response = await webhooks.fetch(
      streamed(
        pieces(
          [...BYTES].map((byte) => Uint8Array.of(byte)),
          ends,
        ),
      ),
    );
    expect(response.status).toBe(200);
    expect(seen).toEqual([SIGNED.body]);
  });

  test('of exactly the limit is taken, and one byte more is not', async () => {
    const { webhooks, reasons } = watched({ limit: 100 });
    const of = (size: number) => '{"event":"Email.Sent"}'.padEnd(size);
    expect((await webhooks.fetch(signed(of(100)))).status).toBe(200);
    expect((await webhooks.fetch(signed(of(101)))).status).toBe(413);
    expect(reasons).toEqual(['body_too_large']);
  });

  test.each<[string, () => Request]>([
    ['no body', () => new Request(ADDRESS, { method: 'POST', headers: { 'x-signature': sign('', SECRET) } })],
    ['an empty text', () => signed('')],
    ['an empty stream', () => streamed(pieces([], ends), { 'x-signature': sign('', SECRET) })],
  ])('that is %s is empty, and empty is no event', async (_what, made) => {
    const { webhooks, reasons } = watched();
    expect((await webhooks.fetch(made())).status).toBe(400);
    expect(reasons).toEqual(['not_json']);
  });

  test.each<[string, (request: Request) => unknown]>([
    ['was read as JSON', (request) => request.json()],
    ['was read as text', (request) => request.text()],
    ['is being read', (request) => void request.text()],
    ['is held by a reader', (request) => request.body?.getReader()],
    [
      'was begun, and let go',
      async ({ body }) => {
        const reader = body?.getReader();
        await reader?.read();
        reader?.releaseLock();
      },
    ],
    ['was cancelled', (request) => request.body?.cancel()],
  ])('that %s is consumed', async (_how, before) => {
    const { webhooks, seen, reasons } = watched({ timeoutMs: { body: 600_000 } }); // what hangs fails its test
    const request = post();
    await before(request);
    const response = await webhooks.fetch(request);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { code: 'ERR_BODY_CONSUMED' } });
    expect(reasons).toEqual(['body_consumed']);
    expect(seen).toEqual([]);
  });

  test('of a clone is had beside the original’s', async () => {
    const { webhooks } = watched();
    const request = post();
    const clone = request.clone();
    expect((await webhooks.fetch(clone)).status).toBe(200);
    expect(await request.text()).toBe(SIGNED.body);
  });

  test('whose declared length is not that of its bytes is not complete', async () => {
    const { webhooks, reasons } = watched();
    const headers = { ...SIGNED.headers, 'content-length': String(BYTES.length + 1) };
    expect((await webhooks.fetch(post({ headers }))).status).toBe(400);
    expect(reasons).toEqual(['body_aborted']);
  });

  test('whose declared length is over the limit is refused before it is read', async () => {
    const { webhooks } = watched({ limit: 1000 });
    const pull = jest.fn(waits);
    const request = post({
      body: new ReadableStream({ pull }, { highWaterMark: 0 }) as NonNullable<RequestInit['body']>,
      headers: { ...SIGNED.headers, 'content-length': '1001' },
      duplex: 'half',
    });
    expect((await webhooks.fetch(request)).status).toBe(413);
    expect(pull).not.toHaveBeenCalled();
  });

  test.each<[string, unknown]>([
    ['numbers', 42],
    ['objects', { event: 'User.LoggedIn' }],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['null', null],
  ])('of pieces that are no bytes, such as %s, is refused', async (_what, piece) => {
    const { webhooks, seen } = watched();
    const response = await webhooks.fetch(streamed(pieces([piece, BYTES], ends)));
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(seen).toEqual([]);
  });
});

describe('what is refused is cancelled', () => {
  const cancels: [string, () => unknown][] = [
    ['', () => {}],
    [', even if that throws', broken],
    [', even if that rejects', () => Promise.reject(new Error('do-not-tell'))],
    [', even if that rejects later', () => new Promise((_, reject) => setImmediate(reject, new Error('later')))],
    [', even if that never ends', waits],
  ];

  const floods = { pull: (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(1024)) };

  test.each(cancels)('a body over the limit%s', async (_how, cancelled) => {
    const { webhooks, reasons } = watched({ limit: 4096 });
    const cancel = jest.fn(cancelled as () => void);
    const response = await webhooks.fetch(streamed({ ...floods, cancel }));
    expect(response.status).toBe(413);
    expect(reasons).toEqual(['body_too_large']);
    await settled();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test.each(cancels)('a body that does not end%s', async (_how, cancelled) => {
    const { webhooks, reasons } = watched({ timeoutMs: { body: 50 } });
    const cancel = jest.fn(cancelled as () => void);
    const response = await webhooks.fetch(streamed({ ...pieces([BYTES], waits), cancel }));
    expect(response.status).toBe(408);
    expect(reasons).toEqual(['body_timeout']);
    await settled();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test('a body whose declared length is over the limit', async () => {
    const { webhooks } = watched({ limit: 1000 });
    const cancel = jest.fn();
    const response = await webhooks.fetch(streamed({ ...floods, cancel }, { 'content-length': '1001' }));
    expect(response.status).toBe(413);
    await settled();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  test('of a body without end no more than the limit and a little is taken', async () => {
    const { webhooks } = watched({ limit: MB });
    let given = 0;
    const pull = (controller: ReadableStreamDefaultController): void => {
      given += 64 * 1024;
      controller.enqueue(new Uint8Array(64 * 1024));
    };
    expect((await webhooks.fetch(streamed({ pull }))).status).toBe(413);
    await settled();
    expect(given).toBeLessThan(2 * MB);
  });

  test('a body that was read is not', async () => {
    const { webhooks } = watched();
    const cancel = jest.fn();
    expect((await webhooks.fetch(streamed({ ...pieces([BYTES], ends), cancel }))).status).toBe(200);
    await settled();
    expect(cancel).not.toHaveBeenCalled();
  });
});

describe('a body that fails', () => {
  test.each<[string, unknown]>([
    ['an Error', new Error('do-not-tell')],
    ['nothing', undefined],
    ['null', null],
    ['a text', 'do-not-tell'],
    ['an object without a prototype', Object.create(null)],
    ['an error that looks like one of a limit', Object.assign(new Error(), { type: 'entity.too.large' })],
  ])('with %s, at once or in the middle, is refused', async (_what, error) => {
    for (const before of [[], [BYTES.subarray(0, 10)], [BYTES]]) {
      const { webhooks, seen } = watched({ timeoutMs: { body: 600_000 } });
      const response = await webhooks.fetch(streamed(pieces(before, (controller) => controller.error(error))));
      expect([400, 413]).toContain(response.status);
      expect(await response.text()).not.toContain('do-not-tell');
      expect(seen).toEqual([]);
    }
    await settled();
  });

  test('when its pull throws is refused', async () => {
    const { webhooks, reasons } = watched();
    expect((await webhooks.fetch(streamed({ pull: broken }))).status).toBe(400);
    expect(reasons).toEqual(['body_aborted']);
  });

  test('because the sender’s signal aborts is refused', async () => {
    const { webhooks, seen } = watched({ timeoutMs: { body: 100 } });
    const controller = new AbortController();
    const abort = (): Promise<never> => {
      controller.abort();
      return waits();
    };
    const body = new ReadableStream(pieces([BYTES], abort)) as NonNullable<RequestInit['body']>;
    const init = { body, signal: controller.signal, duplex: 'half' } as const;
    const response = await webhooks.fetch(post(init));
    expect([400, 408]).toContain(response.status);
    expect(seen).toEqual([]);
  });
});

describe('a content encoding', () => {
  const encoded = (encoding: string) => post({ headers: { ...SIGNED.headers, 'content-encoding': encoding } });

  test.each(['gzip', 'deflate', 'br', 'zstd', 'gzip, br', '__proto__'])('of %s is refused', async (encoding) => {
    const { webhooks, reasons } = watched();
    expect((await webhooks.fetch(encoded(encoding))).status).toBe(415);
    expect(reasons).toEqual(['content_encoding']);
  });

  test.each(['identity', 'IDENTITY', ''])('of %j means that the body is not compressed', async (encoding) => {
    const { webhooks } = watched();
    expect((await webhooks.fetch(encoded(encoding))).status).toBe(200);
  });
});

describe('close()', () => {
  test('waits for a fetch whose handler runs', async () => {
    const { webhooks } = watched();
    const began = new Promise<() => void>((resolve) => {
      webhooks.on('User.LoggedIn', () => new Promise<void>((finish) => resolve(finish)));
    });
    const steps: string[] = [];
    const answer = webhooks.fetch(post()).then(({ status }) => steps.push(`answered ${status}`));
    const finish = await began;
    const closed = webhooks.close().then(() => steps.push('closed'));
    expect((await webhooks.fetch(post())).status).toBe(503);
    expect(steps).toEqual([]);
    finish();
    await Promise.all([answer, closed]);
    expect(steps.sort()).toEqual(['answered 200', 'closed']);
  });

  test('waits for a body that is on its way', async () => {
    const { webhooks, seen } = watched();
    let goOn: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const answer = webhooks.fetch(
      streamed(
        pieces([BYTES.subarray(0, 10)], async (controller) => {
          await waiting;
          controller.enqueue(BYTES.subarray(10));
          controller.close();
        }),
      ),
    );
    const closed = webhooks.close({ timeoutMs: 60_000 });
    goOn();
    expect((await answer).status).toBe(200);
    await closed;
    expect(seen).toEqual([SIGNED.body]);
  });

  test('is not kept waiting by requests that were refused or failed', async () => {
    const { webhooks } = watched({ timeoutMs: { body: 50 } });
    await Promise.all([
      webhooks.fetch(new Request(ADDRESS)),
      webhooks.fetch(post({ headers: {} })),
      webhooks.fetch(streamed({ pull: waits })),
      webhooks.fetch(streamed({ pull: broken })),
      webhooks.fetch(Object.defineProperty(post(), 'body', { get: broken })),
    ]);
    const started = performance.now();
    await webhooks.close({ timeoutMs: 60_000 });
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

test('the same delivery by fetch and by Express runs once', async () => {
  const { webhooks, seen } = watched();
  const server = express().use(PATH, webhooks).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const answers = [
    await fetch(`http://localhost:${port}${PATH}`, { method: 'POST', headers: SIGNED.headers, body: SIGNED.body }),
    await webhooks.fetch(post()),
  ];
  server.close();
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
    { status: 'handled' },
    { status: 'duplicate' },
  ]);
  expect(seen).toEqual([SIGNED.body]);
});

describe('it never rejects', () => {
  const method = fc.oneof(
    { weight: 4, arbitrary: fc.constant('POST') },
    fc.constantFrom('GET', 'HEAD', 'PUT', 'post', 'QUERY'),
  );
  const value = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
  const headers = fc.dictionary(
    fc.constantFrom(
      'x-signature',
      'X-Cakemail-Signature',
      'content-encoding',
      'content-length',
      'content-type',
      'host',
    ),
    fc.oneof(
      value,
      fc.constantFrom('gzip', 'br', 'identity', '0', '-1', '1e9', 'NaN', '0x10', SIGNED.headers['x-signature'] ?? ''),
    ),
  );
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constant(BYTES),
    fc.string(),
    fc.constantFrom(
      null,
      undefined,
      0,
      Symbol.iterator,
      Number.NaN,
      new Uint16Array(3),
      new DataView(new ArrayBuffer(3)),
    ),
    fc.object(),
  );
  const last = fc.constantFrom('ends', 'fails', 'fails with nothing', 'waits', 'throws');
  const cancel = fc.constantFrom(undefined, broken, () => Promise.reject(new Error('no')));
  const before = fc.constantFrom('nothing', 'read', 'locked', 'cancelled');

  test('whatever the request', async () => {
    const { webhooks } = watched({ limit: 400, timeoutMs: { body: 5 } });
    const made = fc.record({ method, headers, pieces: fc.array(piece, { maxLength: 4 }), last, cancel, before });
    const asked = async (odd: typeof made extends fc.Arbitrary<infer T> ? T : never): Promise<void> => {
      const source = pieces(odd.pieces, (controller) => {
        if (odd.last === 'ends') controller.close();
        else if (odd.last === 'fails') controller.error(new Error('failed'));
        else if (odd.last === 'fails with nothing') controller.error();
        else if (odd.last === 'throws') broken();
        return odd.last === 'waits' ? waits() : undefined;
      });
      const bodiless = ['GET', 'HEAD'].includes(odd.method);
      const body = new ReadableStream({ ...source, ...(odd.cancel && { cancel: odd.cancel }) });
      const request = new Request(ADDRESS, {
        method: odd.method,
        headers: odd.headers,
        ...(bodiless ? {} : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' }),
      });
      if (odd.before === 'locked') request.body?.getReader();
      if (odd.before === 'cancelled') await request.body?.cancel().catch(() => {});
      if (odd.before === 'read') void request.text().catch(() => {});
      const response = await webhooks.fetch(request);
      expect(response.status).toBeGreaterThanOrEqual(200);
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(JSON.parse(await response.text())).toEqual(expect.objectContaining({}));
    };
    await fc.assert(fc.asyncProperty(made, asked), { numRuns: 300 });
    await settled();
    await webhooks.close();
  });
});

describe('under Hono, on a real socket', () => {
  /** A Hono app that the webhooks are a route of. */
  async function hono(options: Partial<WebhookRouterOptions> = {}) {
    const target = watched(options);
    const app = new Hono();
    app.all(PATH, (c) => target.webhooks.fetch(c.req.raw));
    app.get('/health', (c) => c.text('ok'));
    const { port, url } = await listen(getRequestListener(app.fetch));
    return { ...target, port, url };
  }

  test('the other routes of the app stay as they are', async () => {
    const { url } = await hono();
    expect(await (await fetch(`${url}/health`)).text()).toBe('ok');
  });

  test.each(['http://user@host', 'http://user:password@host'])(
    'an address with credentials, %s, is served like any other, in any request whose length is declared',
    async (origin) => {
      const { port, seen } = await hono({ limit: 1_000 });
      const send = (headers: Record<string, string | number>, body: string) =>
        dial(port, head(headers, 'POST', origin + PATH) + body).answer;
      const length = BYTES.length;
      expect(await send({ ...SIGNED.headers, 'content-length': length }, SIGNED.body)).toContain(
        '{"status":"handled"}',
      );
      expect(await send({ 'x-signature': FORGED['x-signature'], 'content-length': length }, SIGNED.body)).toContain(
        'ERR_SIGNATURE',
      );
      expect(await send({ ...SIGNED.headers, 'content-length': 1_001 }, '')).toContain('ERR_BODY_TOO_LARGE');
      const chunked = `${BYTES.length.toString(16)}\r\n${SIGNED.body}\r\n0\r\n\r\n`;
      expect(await send({ ...SIGNED.headers, 'transfer-encoding': 'chunked' }, chunked)).toContain('ERR_BODY_ABORTED');
      expect(seen).toEqual([SIGNED.body]);
    },
  );

  test('a body in chunks and packets is had exactly', async () => {
    const { port, seen } = await hono();
    const sender = dial(port, head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' }));
    for (const byte of SIGNED.rawBody) sender.socket.write(chunk(Buffer.of(byte)));
    sender.socket.write('0\r\n\r\n');
    expect(await sender.answer).toContain('{"status":"handled"}');
    expect(seen).toEqual([SIGNED.body]);
  });

  test('a sender that vanishes in the middle reaches no handler', async () => {
    const { port, webhooks, seen } = await hono();
    const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
    const sender = dial(
      port,
      head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + SIGNED.body.slice(0, 9),
    );
    sender.socket.end();
    expect(await rejected).toMatchObject({ reason: 'body_aborted' });
    await webhooks.close();
    expect(seen).toEqual([]);
  });

  test('a body over the limit is refused while it is sent', async () => {
    const { port, reasons } = await hono();
    const sender = dial(port, head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' }));
    const all = flood(sender.socket, chunk(Buffer.alloc(64 * 1024)), 50 * MB);
    const answer = await Promise.race([sender.answer, all]);
    expect(statusOf(answer)).toBe(413);
    expect(reasons).toEqual(['body_too_large']);
  });
});

/** Lets everything that is about to happen, in streams too, happen. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
}
