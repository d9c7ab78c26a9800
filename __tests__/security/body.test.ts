import { createHook } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import express from 'express';
import type { Response } from 'supertest';
import * as z from 'zod';
import { type Delivery, keepRawBody, type WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { type CreateApp, FRAMEWORKS, TWO_ADAPTERS } from '../helpers/adapters.js';
import { createApp, type Mount, recordingLogger, SECRET, type TestApp } from '../helpers/harness.js';
import { chunk, closing, dial, flood, hangUp, head, type Listening, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

const MB = 1024 * 1024;
const EVENT = JSON.stringify(sampleEvent('User.LoggedIn'));

interface Watched extends TestApp {
  /** The events and deliveries that reached a handler. */
  readonly seen: { readonly event: { readonly event: string; readonly data: unknown }; readonly delivery: Delivery }[];
  /** The reason of each rejection. */
  readonly reasons: string[];
  /** Sends exact bytes, correctly signed. */
  deliverBytes(bytes: Buffer | string, headers?: Record<string, string>): Promise<Response>;
}

function watch(createApp: CreateApp, options: Partial<WebhookRouterOptions> = {}, mount: Mount = {}): Watched {
  const app = createApp(options, mount);
  const seen: Watched['seen'] = [];
  const reasons: string[] = [];
  app.webhooks.onAny((event, delivery) => seen.push({ event, delivery }));
  app.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
  const deliverBytes: Watched['deliverBytes'] = (bytes, headers) =>
    app.post(bytes, { 'x-signature': sign(bytes, SECRET), ...headers });
  return { ...app, seen, reasons, deliverBytes };
}

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  const watchedApp = (options?: Partial<WebhookRouterOptions>, mount?: Mount) => watch(createApp, options, mount);

  describe('bodies that are easily altered on the way', () => {
    test.each([
      ['an emoji', '{"event":"Email.Sent","data":{"subject":"Soldes 🎉 d’été"}}'],
      ['a line separator', '{"event":"Email.Sent","data":{"subject":"one\u2028two"}}'],
      ['escaped slashes', '{"event":"Email.Sent","data":{"url":"https:\\/\\/example.com\\/"}}'],
      ['CRLF and indents', '{\r\n  "event": "Email.Sent",\r\n  "data": {}\r\n}'],
      ['a trailing newline', '{"event":"Email.Sent","data":{}}\n'],
    ])('19. a signed body with %s is accepted, and rawBody has its bytes', async (_name, text) => {
      const { deliverBytes, seen } = watchedApp();
      const response = await deliverBytes(text);
      expect(response.status).toBe(200);
      expect(seen.map(({ delivery }) => delivery.rawBody)).toEqual([Buffer.from(text, 'utf8')]);
    });
  });

  test('20. a signed body with a byte order mark is verified and then refused as not JSON', async () => {
    const { deliverBytes, webhooks, seen, reasons } = watchedApp();
    const verified: unknown[] = [];
    webhooks.lifecycle.on('verified', (notice) => verified.push(notice));
    const response = await deliverBytes(`\uFEFF${EVENT}`);
    expect(response.status).toBe(400);
    expect(verified).toHaveLength(1);
    expect(reasons).toEqual(['not_json']);
    expect(seen).toEqual([]);
  });

  describe('bytes that are not UTF-8', () => {
    const withByte = (byte: number): Buffer =>
      Buffer.concat([Buffer.from('{"event":"Email.Sent","data":"'), Buffer.from([byte]), Buffer.from('"}')]);

    test('21. a signed body that is not UTF-8 is refused as a payload', async () => {
      const { deliverBytes, seen, reasons } = watchedApp();
      const response = await deliverBytes(withByte(0xff));
      expect(response.status).toBe(400);
      expect(reasons).toEqual(['not_utf8']);
      expect(seen).toEqual([]);
    });

    test('21. one invalid byte in place of another is a forgery, although both decode to the same text', async () => {
      const { post, seen, reasons } = watchedApp();
      expect(withByte(0xff).toString()).toBe(withByte(0xfe).toString());
      const response = await post(withByte(0xfe), { 'x-signature': sign(withByte(0xff), SECRET) });
      expect(response.status).toBe(403);
      expect(reasons).toEqual(['mismatch']);
      expect(seen).toEqual([]);
    });
  });

  describe('the order of verifying and parsing', () => {
    let parse: jest.SpyInstance;
    beforeEach(() => {
      parse = jest.spyOn(JSON, 'parse');
    });
    afterEach(() => parse.mockRestore());

    test.each([
      ['wrong', sign(EVENT, 'another key')],
      ['malformed', 'not base64'],
      ['empty', ''],
    ])('22. a forged body is never parsed when the signature is %s', async (_name, signature) => {
      const { post, seen } = watchedApp();
      const broken = `${EVENT},`;
      for (const body of [broken, EVENT]) {
        const response = await post(body, { 'x-signature': signature });
        expect(response.status).toBe(403);
        expect(parse).not.toHaveBeenCalledWith(body);
      }
      expect(seen).toEqual([]);
    });

    test('22. receive() parses nothing when a body is forged', async () => {
      const { webhooks } = watchedApp();
      const outcome = await webhooks.receive({ rawBody: '{', headers: { 'x-signature': sign('', SECRET) } });
      expect(outcome.status).toBe(403);
      expect(parse).not.toHaveBeenCalled();
    });

    test('22. a signed body that is not JSON is parsed once and refused', async () => {
      const { deliverBytes, reasons } = watchedApp();
      const body = `${EVENT},`;
      const response = await deliverBytes(body);
      expect(response.status).toBe(400);
      expect(reasons).toEqual(['not_json']);
      expect(parse.mock.calls.filter(([text]) => text === body)).toHaveLength(1);
    });
  });

  test.each([
    ['', 'not_json'],
    ['null', 'not_object'],
    ['[]', 'not_object'],
    ['[{"event":"Email.Sent"}]', 'not_object'],
    ['"x"', 'not_object'],
    ['42', 'not_object'],
    ['{}', 'no_event_name'],
    ['{"data":{}}', 'no_event_name'],
    ['{"event":null}', 'no_event_name'],
    ['{"event":7}', 'no_event_name'],
    ['{"event":["Email.Sent"]}', 'no_event_name'],
    ['{"event":{"name":"Email.Sent"}}', 'no_event_name'],
    ['{"event":""}', 'no_event_name'],
    ['{"event":"  "}', 'no_event_name'],
    ['{"__proto__":{"event":"Email.Sent"}}', 'no_event_name'],
  ])('23. the signed body %j is refused with the reason %s', async (body, reason) => {
    const { deliverBytes, seen, reasons } = watchedApp();
    const response = await deliverBytes(Buffer.from(body));
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ error: { code: 'ERR_PAYLOAD' } });
    expect(reasons).toEqual([reason]);
    expect(seen).toEqual([]);
  });

  describe('names that JavaScript objects have of their own', () => {
    const pristine = Reflect.ownKeys(Object.prototype);
    afterEach(() => {
      expect(Reflect.ownKeys(Object.prototype)).toEqual(pristine);
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });

    const hostile = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}';

    test.each([
      ['data', `{"event":"Email.Sent","data":${hostile}}`],
      ['user', `{"event":"Email.Sent","user":${hostile},"data":{}}`],
      ['the documented data', `{"event":"User.LoggedIn","data":${hostile}}`],
      ['the envelope', `{"event":"Email.Sent","data":{},${hostile.slice(1)}`],
    ])('24. names such as __proto__ stay plain members of %s', async (_where, body) => {
      const { deliverBytes, seen } = watchedApp();
      const response = await deliverBytes(body);
      expect(response.status).toBe(200);
      expect(JSON.stringify(seen[0]?.event)).toBe(JSON.stringify(JSON.parse(body)));
    });

    test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__.*', 'constructor.name'])(
      '24. an event with the name %j is unhandled',
      async (name) => {
        const { deliverBytes, webhooks } = watchedApp({ schemas: { 'Email.Sent': z.object({}) } });
        const handler = jest.fn();
        webhooks.on(['Email.*', 'User.LoggedIn'], handler);
        const response = await deliverBytes(`{"event":"${name}","data":{}}`);
        expect(response.status).toBe(200);
        expect(response.body).toEqual({ status: 'unhandled' });
        expect(handler).not.toHaveBeenCalled();
      },
    );

    test('24. a schema that copies such members pollutes no prototype', async () => {
      const { deliverBytes } = watchedApp({ schemas: { 'Email.Sent': z.looseObject({}) } });
      const response = await deliverBytes(`{"event":"Email.Sent","data":${hostile}}`);
      expect(response.status).toBe(200);
    });
  });

  describe('JSON that says more than an object can hold', () => {
    test('25. the last of duplicate members is dispatched, once', async () => {
      const { deliverBytes, webhooks, seen } = watchedApp();
      const [first, last] = [jest.fn(), jest.fn()];
      webhooks.on('User.LoggedIn', first);
      webhooks.on('Email.Sent', last);
      const body = '{"event":"User.LoggedIn","event":"Email.Sent","data":1,"data":{"n":2}}';
      const response = await deliverBytes(body);
      expect(response.status).toBe(200);
      expect(first).not.toHaveBeenCalled();
      expect(last).toHaveBeenCalledTimes(1);
      expect(seen.map(({ event }) => event)).toEqual([JSON.parse(body)]);
    });

    test('25. the key of the event named first does not authenticate the one named last', async () => {
      const { post, seen, reasons } = watchedApp({ secret: { 'User.LoggedIn': 'key-a', 'Email.Sent': 'key-b' } });
      const body = '{"event":"User.LoggedIn","event":"Email.Sent","data":{}}';
      const response = await post(body, { 'x-signature': sign(body, 'key-a') });
      expect(response.status).toBe(403);
      expect(reasons).toEqual(['wrong_key_for_event']);
      expect(seen).toEqual([]);
    });

    test('25. integers above 2^53 are kept in rawBody', async () => {
      const { deliverBytes, seen } = watchedApp();
      await deliverBytes('{"event":"Email.Sent","data":{"id":9007199254740993}}');
      expect(seen[0]?.delivery.rawBody.toString()).toContain('"id":9007199254740993');
    });
  });

  describe('20,000 levels of nesting', () => {
    const LEVELS = 20_000;
    const arrays = `${'['.repeat(LEVELS)}${']'.repeat(LEVELS)}`;
    const objects = `${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}`;

    test.each([
      ['arrays as data', `{"event":"Email.Sent","data":${arrays}}`],
      ['objects as data', `{"event":"Email.Sent","data":${objects}}`],
      ['objects in the documented data', `{"event":"User.LoggedIn","data":{"email":${objects}}}`],
      ['arrays as the event name', `{"event":${arrays}}`],
      ['arrays as the whole', arrays],
      ['arrays that never end', `{"event":"Email.Sent","data":${'['.repeat(LEVELS)}`],
    ])(
      '26. a body with deeply nested %s is delivered or refused, and the next delivery is served',
      async (_name, body) => {
        const { deliverBytes } = watchedApp();
        const response = await deliverBytes(body);
        expect([200, 400]).toContain(response.status);
        expect((await deliverBytes(EVENT)).status).toBe(200);
      },
    );

    test('26. a handler that overflows the stack on a nested body fails its delivery only', async () => {
      const { deliverBytes, webhooks } = watchedApp();
      webhooks.onError(() => {});
      webhooks.on('Email.Sent', (event) => JSON.stringify(event.data));
      const response = await deliverBytes(`{"event":"Email.Sent","data":${arrays}}`);
      expect([200, 500]).toContain(response.status);
      expect((await deliverBytes(EVENT)).status).toBe(200);
    });

    test('26. a schema that overflows the stack on a nested body fails its delivery only', async () => {
      const tree: z.ZodType = z.lazy(() => z.array(tree));
      const { deliverBytes, seen, reasons } = watchedApp({ schemas: { 'Email.Sent': tree } });
      const response = await deliverBytes(`{"event":"Email.Sent","data":${arrays}}`);
      expect(response.status).toBe(500);
      expect(reasons).toEqual(['schema_failed']);
      expect(seen).toEqual([]);
    });
  });

  describe('bodies over the limit', () => {
    const TOTAL = 50 * MB;
    const MOST_ACCEPTED = 4 * MB;
    const piece = Buffer.alloc(64 * 1024, 'x');
    const unsigned = { 'content-type': 'application/json', 'x-signature': sign('x', SECRET) };

    async function served(options: Partial<WebhookRouterOptions> = {}): Promise<Watched & Listening> {
      const app = watchedApp(options);
      return { ...app, ...(await listen(app.listener)) };
    }

    test('27. a declared length over the limit is refused before any of the body is sent', async () => {
      const { port, seen, reasons } = await served();
      const sender = dial(port, head({ ...unsigned, 'content-length': 256 * 1024 + 1 }));
      expect(statusOf(await sender.answer)).toBe(413);
      expect(reasons).toEqual(['body_too_large']);
      expect(seen).toEqual([]);
    });

    test('27. a body of exactly the limit is accepted, and one byte more is refused', async () => {
      const { deliverBytes } = watchedApp({ limit: EVENT.length + 1 });
      expect((await deliverBytes(EVENT)).status).toBe(200);
      expect((await deliverBytes(`${EVENT}\n`)).status).toBe(200);
      expect((await deliverBytes(`${EVENT}\n\n`)).status).toBe(413);
    });

    test.each([
      ['with a content-length', { 'content-length': TOTAL }, piece],
      ['chunked', { 'transfer-encoding': 'chunked' }, chunk(piece)],
    ])('27. a sender of 50 MB %s reads its 413, and at most 4 MB are accepted', async (_how, framing, frame) => {
      const { port, sockets, seen, reasons } = await served();
      const sender = dial(port, head({ ...unsigned, ...framing }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, frame, TOTAL)]);
      expect(statusOf(answer)).toBe(413);
      expect(answer).toContain('ERR_BODY_TOO_LARGE');
      expect(answer).toMatch(/^connection: close/im);
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(reasons).toEqual(['body_too_large']);
      expect(seen).toEqual([]);
    });

    test('27. a sender of 50 MB that declared ten bytes is disconnected', async () => {
      const { port, sockets, seen } = await served();
      const sender = dial(port, head({ ...unsigned, 'content-length': 10 }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, piece, TOTAL)]);
      expect([400, 403]).toContain(statusOf(answer)); // the ten bytes are forged, and what follows them is not HTTP
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(seen).toEqual([]);
    });

    test('27. a body that is chunked and has a declared length reaches no handler', async () => {
      const { port, seen } = await served();
      const sender = dial(port, head({ ...unsigned, 'content-length': 10, 'transfer-encoding': 'chunked' }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, chunk(piece), TOTAL)]);
      expect([400, 413]).toContain(statusOf(answer));
      await sender.closed;
      expect(seen).toEqual([]);
    });

    test('27. the limit holds for bytes that another parser kept', async () => {
      const verify = { verify: keepRawBody, limit: MB };
      const { deliverBytes, seen } = watchedApp({}, { before: [express.json(verify)] });
      const padded = JSON.stringify({ event: 'Email.Sent', data: 'x'.repeat(256 * 1024) });
      expect((await deliverBytes(padded)).status).toBe(413);
      expect(seen).toEqual([]);
    });

    test('27. eight senders of 50 MB at the same time read their 413, and at most 4 MB of each are accepted', async () => {
      const { port, sockets, seen } = await served();
      const senders = Array.from({ length: 8 }, () => {
        const sender = dial(port, head({ ...unsigned, 'transfer-encoding': 'chunked' }));
        void flood(sender.socket, chunk(piece), TOTAL);
        return sender;
      });
      const answers = await Promise.all(senders.map((sender) => sender.answer));
      expect(answers.map(statusOf)).toEqual(Array(8).fill(413));
      await Promise.all(senders.map((sender) => sender.closed));
      for (const socket of sockets) expect(socket.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(seen).toEqual([]);
    });

    test("27. a sender of 50 MB reads its 413 with errors: 'next' too, and at most 4 MB are accepted", async () => {
      const { port, sockets, seen } = await served({ logger: {}, errors: 'next' });
      const sender = dial(port, head({ ...unsigned, 'transfer-encoding': 'chunked' }));
      const answer = await Promise.race([sender.answer, flood(sender.socket, chunk(piece), TOTAL)]);
      expect(statusOf(answer)).toBe(413);
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(MOST_ACCEPTED);
      expect(seen).toEqual([]);
    });
  });

  describe('compressed bodies', () => {
    const bomb = gzipSync(Buffer.alloc(20 * MB));
    /** How many zlib engines are made while something runs. */
    async function enginesDuring(work: () => Promise<unknown>): Promise<number> {
      let engines = 0;
      const hook = createHook({ init: (_id, type) => void (type === 'ZLIB' && engines++) }).enable();
      await work().finally(() => hook.disable());
      return engines;
    }

    test('28. a gzip bomb is refused, and nothing is inflated', async () => {
      const { deliverBytes, seen, reasons } = watchedApp();
      const engines = await enginesDuring(async () => {
        const response = await deliverBytes(bomb, { 'content-encoding': 'gzip' });
        expect(response.status).toBe(415);
        expect(response.body).toMatchObject({ error: { code: 'ERR_CONTENT_ENCODING' } });
      });
      expect(engines).toBe(0);
      expect(reasons).toEqual(['content_encoding']);
      expect(seen).toEqual([]);
    });

    test.each(['gzip', 'deflate', 'br', 'zstd', 'compress', 'gzip, br', 'gzip, gzip', '__proto__', 'constructor'])(
      '28. a body with the content encoding %j is refused although its signature is right',
      async (encoding) => {
        const { deliverBytes, seen } = watchedApp();
        const response = await deliverBytes(EVENT, { 'content-encoding': encoding });
        expect(response.status).toBe(415);
        expect(seen).toEqual([]);
      },
    );

    test('28. at most 4 MB of a compressed body of 50 MB are accepted', async () => {
      const app = watchedApp();
      const { port, sockets } = await listen(app.listener);
      const encoding = { 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' };
      const sender = dial(port, head({ 'x-signature': sign('x', SECRET), ...encoding }));
      const more = chunk(Buffer.alloc(64 * 1024));
      const answer = await Promise.race([sender.answer, flood(sender.socket, more, 50 * MB)]);
      expect(statusOf(answer)).toBe(415);
      await sender.closed;
      expect(sockets[0]?.bytesRead).toBeLessThanOrEqual(4 * MB);
      expect(app.seen).toEqual([]);
    });
  });

  describe('content types', () => {
    test.each([
      'application/json; charset=utf-16',
      'application/json; charset=no-such-charset',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain; charset=iso-8859-1',
      'application/octet-stream',
      'nonsense',
    ])('29. a body with the content type %j is verified and delivered as bytes', async (type) => {
      const { deliverBytes, seen } = watchedApp();
      const text = '{"event":"Email.Sent","data":{"subject":"été"}}';
      const response = await deliverBytes(text, { 'content-type': type });
      expect(response.status).toBe(200);
      expect(seen.map(({ delivery }) => delivery.rawBody.toString())).toEqual([text]);
    });

    test('29. a body without a content type is verified and delivered as bytes', async () => {
      const { listener, seen } = watchedApp();
      const { port } = await listen(listener);
      const headers = { 'x-signature': sign(EVENT, SECRET), 'content-length': EVENT.length };
      const sender = dial(port, head(headers) + EVENT);
      expect(statusOf(await sender.answer)).toBe(200);
      expect(seen.map(({ delivery }) => delivery.rawBody.toString())).toEqual([EVENT]);
    });
  });

  describe('senders that do not finish', () => {
    const SHORT = { timeoutMs: { body: 100 } };
    const promised = head({ 'x-signature': sign(EVENT, SECRET), 'content-length': EVENT.length });
    const half = EVENT.slice(0, EVENT.length / 2);

    async function served(options: Partial<WebhookRouterOptions> = {}) {
      const logger = recordingLogger();
      const app = watchedApp({ logger, ...options });
      const rejection = new Promise<unknown>((resolve) => app.webhooks.lifecycle.once('rejected', resolve));
      return { ...app, ...(await listen(app.listener)), rejection, logger };
    }

    /** The connection is gone, nothing is under way any more, no handler ran, and the log has no error. */
    async function expectFreed({ sockets, webhooks, seen, logger }: Awaited<ReturnType<typeof served>>): Promise<void> {
      await Promise.all(sockets.map(closing));
      await webhooks.close({ timeoutMs: 60_000 });
      expect(seen).toEqual([]);
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    }

    test.each<[string, (socket: Socket) => unknown]>([
      ['aborts', (socket) => socket.destroy()],
      ['resets the connection', (socket) => socket.resetAndDestroy()],
      ['says that it is finished', (socket) => socket.end()],
    ])('30. a sender that %s in the middle of its body is freed', async (_how, stop) => {
      const server = await served();
      const sender = dial(server.port, promised + half);
      await server.request;
      stop(sender.socket);
      expect(await server.rejection).toMatchObject({ reason: 'body_aborted' });
      await expectFreed(server);
    });

    test('30. a sender that aborts after it was refused is freed', async () => {
      const server = await served();
      const sender = dial(server.port, head({ 'content-length': 50 * MB }));
      expect(await server.rejection).toMatchObject({ reason: 'body_too_large' });
      sender.socket.destroy();
      await expectFreed(server);
    });

    test.each([
      ['sends the headers and nothing more', '', () => undefined],
      ['stops in the middle', half, () => undefined],
      ['drips', half, (socket: Socket) => setInterval(() => socket.write(' '), 20)],
    ])('30. a sender that %s gets 408 and is freed', async (_how, start, goOn) => {
      const server = await served(SHORT);
      const sender = dial(server.port, promised + start);
      const drip = goOn(sender.socket);
      const answer = await sender.answer;
      // The other two are disconnected by the server, which takes two seconds.
      if (start === '') sender.socket.destroy();
      await sender.closed;
      clearInterval(drip);
      expect(statusOf(answer)).toBe(408);
      expect(answer).toContain('ERR_BODY_TIMEOUT');
      expect(await server.rejection).toMatchObject({ reason: 'body_timeout' });
      await expectFreed(server);
    });

    test("30. a sender that stops in the middle gets 408 and is freed with errors: 'next' too", async () => {
      const server = await served({ errors: 'next', ...SHORT });
      const sender = dial(server.port, promised + half);
      expect(statusOf(await sender.answer)).toBe(408);
      sender.socket.destroy();
      await expectFreed(server);
    });
  });
});

describe.each(FRAMEWORKS)('on %s', (_name, framework) => {
  const TYPES = ['application/json', 'application/octet-stream', 'text/plain', 'application/x-www-form-urlencoded'];
  const KINDS = ['json', 'raw', 'text', 'urlencoded'] as const;
  const SUBSETS = Array.from({ length: 2 ** KINDS.length }, (_, bits) =>
    KINDS.filter((_kind, bit) => bits & (1 << bit)),
  );
  const PATIENT = { timeoutMs: { body: 600_000 } }; // so that a request which hangs fails its test

  function parsers(kinds: readonly (typeof KINDS)[number][], keep: boolean): express.RequestHandler[] {
    const options = keep ? { verify: keepRawBody, extended: false } : { extended: false };
    return kinds.map((kind) => framework[kind](options));
  }

  describe.each([
    ['without keepRawBody', false],
    ['with keepRawBody', true],
  ])('%s', (_how, keep) => {
    test.each(TYPES)('31. a body of %s is read behind every set of parsers, or refused at once', async (type) => {
      const statuses: Record<string, number> = {};
      const expected: Record<string, number> = {};
      for (const kinds of SUBSETS) {
        const { deliverBytes } = watch(
          createApp,
          { logger: {}, ...PATIENT },
          { before: parsers(kinds, keep), framework },
        );
        const response = await deliverBytes(EVENT, { 'content-type': type });
        const reader = kinds.find((kind) => TYPES[KINDS.indexOf(kind)] === type);
        const lost = !keep && (reader === 'json' || reader === 'urlencoded');
        statuses[kinds.join()] = response.status;
        expected[kinds.join()] = lost ? 500 : 200;
      }
      expect(statuses).toEqual(expected);
    });
  });

  test.each(['json', 'urlencoded'] as const)(
    '31. a body that only express.%s() has read is refused, and the log names both fixes',
    async (kind) => {
      const logger = recordingLogger();
      const { deliverBytes, seen } = watch(
        createApp,
        { logger, ...PATIENT },
        { before: parsers([kind], false), framework },
      );
      const response = await deliverBytes(EVENT, { 'content-type': TYPES[KINDS.indexOf(kind)] ?? '' });
      expect(response.status).toBe(500);
      expect(response.body).toMatchObject({ error: { code: 'ERR_BODY_CONSUMED' } });
      expect(seen).toEqual([]);
      const line = logger.lines.map((each) => JSON.stringify(each)).find((each) => each.includes('ERR_BODY_CONSUMED'));
      expect(line).toContain('before express.json()');
      expect(line).toContain('express.json({ verify: keepRawBody })');
    },
  );

  test.each<[string, express.RequestHandler]>([
    ['read to its end', (req, _res, next) => req.resume().once('end', next)],
    ['read in part', (req, _res, next) => req.once('data', () => next(req.pause() && undefined))],
    ['turned into text', (req, _res, next) => next(req.setEncoding('utf8') && undefined)],
    ['iterated', (req, _res, next) => void buffer(req).then(() => next(), next)],
    ['parsed, and dropped', (req, res, next) => framework.json()(req, res, () => next(delete req.body && undefined))],
  ])('31. a body that was %s before is refused at once', async (_how, layer) => {
    const { deliverBytes, seen, reasons } = watch(
      createApp,
      { logger: {}, ...PATIENT },
      { before: [layer], framework },
    );
    const response = await deliverBytes(EVENT);
    expect(response.status).toBe(500);
    expect(reasons).toEqual(['body_consumed']);
    expect(seen).toEqual([]);
  });

  test('31. a body whose bytes a platform kept is accepted after its stream has ended', async () => {
    const platform: express.RequestHandler = async (req, _res, next) => {
      const rawBody = await buffer(req);
      Object.assign(req, { rawBody, body: JSON.parse(rawBody.toString()) });
      next();
    };
    const { deliverBytes, seen } = watch(createApp, PATIENT, { before: [platform], framework });
    expect((await deliverBytes(EVENT)).status).toBe(200);
    expect(seen.map(({ delivery }) => delivery.rawBody.toString())).toEqual([EVENT]);
  });

  test('31. an altered body whose bytes were kept is refused', async () => {
    const { post, seen } = watch(createApp, PATIENT, { before: parsers(['json'], true), framework });
    const response = await post(`${EVENT} `, { 'x-signature': sign(EVENT, SECRET) });
    expect(response.status).toBe(403);
    expect(seen).toEqual([]);
  });
});
