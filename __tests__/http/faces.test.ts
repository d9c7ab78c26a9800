import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { json } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import request, { type Response } from 'supertest';
import * as z from 'zod';
import type { Delivery, WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { ADAPTERS } from '../helpers/adapters.js';
import { FORGED, type Middleware, PATH, recordingLogger, SECRET, SIGNED, type TestApp } from '../helpers/harness.js';
import { chunk, dial, flood, hangUp, head, type Listening, listen, type Peer, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

const KB = 1024;
const MB = 1024 * KB;
const CHUNKED = head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' });
const LAST = '0\r\n\r\n';

describe.each(ADAPTERS)('by %s', (_adapter, createApp) => {
  const deliver = ({ listener }: TestApp, headers = SIGNED.headers): Promise<Response> =>
    Promise.resolve(request(listener).post(PATH).set(headers).send(SIGNED.body));

  interface Served extends TestApp, Listening {
    /** The deliveries that reached a handler. */
    readonly seen: Delivery[];
    /** Why requests were refused. */
    readonly reasons: string[];
  }

  async function served(
    options: Partial<WebhookRouterOptions> = {},
    mount: Parameters<typeof createApp>[1] = {},
  ): Promise<Served> {
    const app = createApp(options, mount);
    const seen: Delivery[] = [];
    const reasons: string[] = [];
    app.webhooks.on(['User.*', 'Email.*'], (_event, delivery) => seen.push(delivery));
    app.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
    return { ...app, seen, reasons, ...(await listen(app.listener)) };
  }

  describe('a connection is used again', () => {
    /** The statuses of requests that follow one another, and how many connections they took. */
    async function inTurn(
      { listener }: TestApp,
      requests: readonly { method?: string; headers?: object; body?: string | undefined }[],
    ): Promise<{ statuses: unknown[]; connections: number }> {
      const { port, sockets } = await listen(listener);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const statuses: unknown[] = [];
      for (const { method = 'POST', headers = {}, body } of requests) {
        const sent = httpRequest({ port, agent, path: PATH, method, headers: { ...headers } });
        sent.end(body);
        statuses.push(await answered(sent));
      }
      agent.destroy();
      return { statuses, connections: sockets.length };
    }

    const signed = (body: string, headers: object = {}) => ({
      body,
      headers: { 'x-signature': sign(body, SECRET), ...headers },
    });

    test('after 200, 403 and 405', async () => {
      const used = await inTurn(createApp(), [
        SIGNED,
        { headers: FORGED, body: SIGNED.body },
        { method: 'GET' },
        { method: 'PUT' },
        { method: 'HEAD' },
        { method: 'DELETE' },
        SIGNED,
      ]);
      expect(used).toEqual({ statuses: [200, 403, 405, 405, 405, 405, 200], connections: 1 });
    });

    test('after 400, 422 and 500', async () => {
      const app = createApp({ logger: {}, schemas: { 'Email.Sent': z.null() } });
      app.webhooks.on('User.Created', () => Promise.reject(new Error('no')));
      const used = await inTurn(app, [
        signed('[]'),
        signed('{"event":"Email.Sent","data":{}}'),
        signed('{"event":"User.Created","data":{}}'),
        SIGNED,
      ]);
      expect(used).toEqual({ statuses: [400, 422, 500, 200], connections: 1 });
    });

    test('after 503', async () => {
      const app = createApp();
      await app.webhooks.close();
      const used = await inTurn(app, [{ method: 'GET' }, SIGNED]);
      expect(used.statuses).toEqual([405, 503]);
    });
  });

  describe('a body', () => {
    const withLength = head({ ...SIGNED.headers, 'content-length': SIGNED.body.length });
    const bytes = Buffer.from(SIGNED.body);
    const thirds = [bytes.subarray(0, 20), bytes.subarray(20, 21), bytes.subarray(21)];

    /** Sends the pieces one by one, each when the one before has arrived. */
    async function sent(pieces: readonly (string | Buffer)[], options?: Partial<WebhookRouterOptions>) {
      const server = await served(options);
      const peer = dial(server.port, pieces[0] ?? '');
      let total = Buffer.byteLength(pieces[0] ?? '');
      for (const piece of pieces.slice(1)) {
        await server.request;
        while ((server.sockets[0]?.bytesRead ?? 0) < total) await turn();
        peer.socket.write(piece);
        total += Buffer.byteLength(piece);
      }
      return { ...server, answer: await peer.answer };
    }

    test.each<[string, (string | Buffer)[]]>([
      ['that comes with the headers', [withLength + SIGNED.body]],
      ['that comes in a later packet', [withLength, bytes]],
      ['of which a part comes with the headers', [withLength + SIGNED.body.slice(0, 10), bytes.subarray(10)]],
      ['in many pieces', [withLength, ...bytes].map((piece) => (typeof piece === 'number' ? Buffer.of(piece) : piece))],
      ['in one chunk, with the headers', [`${CHUNKED}${chunk(bytes)}${LAST}`]],
      ['in many chunks, with the headers', [`${CHUNKED}${thirds.map(chunk).join('')}${LAST}`]],
      ['in many chunks, each in a packet', [CHUNKED, ...thirds.map(chunk), LAST]],
      ['in chunks, of which only the end comes later', [`${CHUNKED}${chunk(bytes)}`, LAST]],
      ['in chunks cut in the middle', [CHUNKED, ...[...chunk(bytes)].map((byte) => Buffer.of(byte)), LAST]],
      ['in chunks that end with trailers', [`${CHUNKED}${chunk(bytes)}0\r\nx-checked: yes\r\n\r\n`]],
    ])('%s is had exactly', async (_how, pieces) => {
      const { answer, seen, reasons } = await sent(pieces);
      expect(answer).toContain('{"status":"handled"}');
      expect(answer).toMatch(/^connection: keep-alive/im);
      expect(reasons).toEqual([]);
      expect(seen.map(({ rawBody }) => rawBody)).toEqual([bytes]);
    });

    test.each<[string, string[]]>([
      ['of no length', [head({ 'x-signature': sign('', SECRET), 'content-length': 0 })]],
      ['of which nothing is said', [head({ 'x-signature': sign('', SECRET) })]],
      ['in no chunk', [head({ 'x-signature': sign('', SECRET), 'transfer-encoding': 'chunked' }) + LAST]],
      ['in no chunk, later', [head({ 'x-signature': sign('', SECRET), 'transfer-encoding': 'chunked' }), LAST]],
    ])('%s is empty, and empty is no event', async (_how, pieces) => {
      const { answer, reasons } = await sent(pieces);
      expect(statusOf(answer)).toBe(400);
      expect(answer).toMatch(/^connection: keep-alive/im);
      expect(reasons).toEqual(['not_json']);
    });

    test.each<[string, (body: Buffer) => (string | Buffer)[]]>([
      ['with its headers', (body) => [Buffer.concat([Buffer.from(lengthOf(body)), body])]],
      ['in a later packet', (body) => [lengthOf(body), body]],
      ['in chunks', (body) => [`${chunkedHead(body)}${chunk(body)}${LAST}`]],
    ])('of exactly the limit is taken, and one byte more is not: %s', async (_how, pieces) => {
      const of = (size: number) => Buffer.from(`{"event":"Email.Sent"}`.padEnd(size));
      expect(statusOf((await sent(pieces(of(100)), { limit: 100 })).answer)).toBe(200);
      const { answer, reasons, seen } = await sent(pieces(of(101)), { limit: 100 });
      expect(statusOf(answer)).toBe(413);
      expect({ seen, reasons }).toEqual({ seen: [], reasons: ['body_too_large'] });
    });

    const lengthOf = (body: Buffer) => head({ 'x-signature': sign(body, SECRET), 'content-length': body.length });
    const chunkedHead = (body: Buffer) => head({ 'x-signature': sign(body, SECRET), 'transfer-encoding': 'chunked' });

    test('of 200 KB, which no single packet holds, is had exactly', async () => {
      const large = Buffer.from(JSON.stringify({ event: 'Email.Sent', data: 'é'.repeat(100 * KB) }));
      const { answer, seen } = await sent([Buffer.concat([Buffer.from(lengthOf(large)), large])]);
      expect(statusOf(answer)).toBe(200);
      expect(seen[0]?.rawBody.equals(large)).toBe(true);
    });

    test.each([
      ['with a content-length', { 'content-length': 20 * MB }, Buffer.alloc(64 * KB)],
      ['in chunks', { 'transfer-encoding': 'chunked' }, chunk(Buffer.alloc(64 * KB))],
    ])('of 20 MB %s is refused while it is sent, and its sender reads the 413', async (_how, framing, piece) => {
      const { port, sockets, reasons } = await served();
      const peer = dial(port, head({ ...SIGNED.headers, ...framing }));
      const answer = await Promise.race([peer.answer, flood(peer.socket, piece, 20 * MB)]);
      expect(statusOf(answer)).toBe(413);
      expect(answer).toContain('ERR_BODY_TOO_LARGE');
      expect(answer).toMatch(/^connection: close/im);
      await peer.closed;
      expect(sockets[0]?.bytesRead).toBeLessThan(4 * MB);
      expect(reasons).toEqual(['body_too_large']);
    });

    test('that is waited for by the sender, who was not told to go on, is asked for', async () => {
      const { port, seen } = await served();
      const peer = dial(port, head({ ...SIGNED.headers, 'content-length': bytes.length, expect: '100-continue' }));
      expect(await peer.answer).toBe('HTTP/1.1 100 Continue\r\n\r\n');
      const answer = once(peer.socket, 'data');
      peer.socket.write(bytes);
      expect(String(await answer)).toContain('{"status":"handled"}');
      expect(seen).toHaveLength(1);
    });

    test('comes with the next request in one packet, and both are answered in order', async () => {
      const { port, seen, webhooks } = await served();
      const handled = new Promise<void>((resolve) => {
        let count = 0;
        webhooks.lifecycle.on('handled', () => ++count === 2 && resolve());
      });
      const second = signedRequest(sampleEvent('Email.Sent'), { secret: SECRET });
      const requests = [SIGNED, { ...SIGNED, headers: FORGED }, second].map(
        ({ headers, body }) => head({ ...headers, 'content-length': Buffer.byteLength(body) }) + body,
      );
      const { socket } = dial(port, requests.join(''));
      let answers = '';
      socket.on('data', (text) => {
        answers += text;
      });
      await handled;
      while (answers.split('HTTP/1.1 ').length < 4 || !answers.endsWith('}')) await once(socket, 'data');
      expect(answers.match(/(?<=HTTP\/1.1 )\d+/g)).toEqual(['200', '403', '200']);
      expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([SIGNED.body, second.body]);
    });
  });

  test.each<[string, string, (peer: Peer) => unknown]>([
    ['hangs up', 'after its headers', ({ socket }) => socket.destroy()],
    ['resets the connection', 'after its headers', ({ socket }) => socket.resetAndDestroy()],
    ['ends the connection', 'after its headers', ({ socket }) => socket.end()],
    ['hangs up', 'in the middle of its body', ({ socket }) => socket.destroy()],
    ['resets the connection', 'in the middle of its body', ({ socket }) => socket.resetAndDestroy()],
    ['ends the connection', 'in the middle of its body', ({ socket }) => socket.end()],
  ])('a sender that %s %s reaches no handler and leaves nothing behind', async (_how, when, leave) => {
    const logger = recordingLogger();
    const { port, webhooks, request: received, seen } = await served({ logger });
    const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
    const start = when === 'after its headers' ? '' : SIGNED.body.slice(0, 10);
    const peer = dial(port, head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + start);
    await received;
    leave(peer);
    expect(await rejected).toMatchObject({ reason: 'body_aborted' });
    await webhooks.close({ timeoutMs: 60_000 });
    expect(seen).toEqual([]);
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('a sender that hangs up while its delivery is handled loses its answer and nothing else', async () => {
    const logger = recordingLogger();
    const { port, sockets, webhooks } = await served({ logger });
    const handled = new Promise((resolve) => webhooks.lifecycle.once('handled', resolve));
    const began = new Promise<() => void>((resolve) => {
      webhooks.on('User.LoggedIn', () => new Promise<void>((finish) => resolve(finish)));
    });
    const peer = dial(port, head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + SIGNED.body);
    const finish = await began;
    const closed = new Promise((resolve) => sockets[0]?.once('close', resolve));
    peer.socket.destroy();
    await closed;
    finish();
    await handled;
    await webhooks.close({ timeoutMs: 60_000 });
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  describe('an answer that somebody else has sent', () => {
    const early: Middleware = (_req, res, next) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"taken":true}');
      next();
    };

    /** Keeps the responses, for somebody who answers later. */
    function keeping(): { readonly responses: ServerResponse[]; readonly keep: Middleware } {
      const responses: ServerResponse[] = [];
      return { responses, keep: (_req, res, next) => next(responses.push(res) && undefined) };
    }

    test.each(['respond', 'next'] as const)('is not sent again (errors: %s)', async (errors) => {
      const logger = recordingLogger();
      const { url, webhooks } = await served({ logger, errors }, { before: [early] });
      for (const headers of [SIGNED.headers, FORGED]) {
        const response = await fetch(url + PATH, { method: 'POST', headers, body: SIGNED.body });
        expect(await response.json()).toEqual({ taken: true });
      }
      await webhooks.close();
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });

    test.each(['respond', 'next'] as const)(
      'ends the matter for a sender that goes on (errors: %s)',
      async (errors) => {
        const logger = recordingLogger();
        const { port, webhooks } = await served({ logger, errors }, { before: [early] });
        const peer = dial(port, head({ 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }));
        expect(await peer.answer).toContain('{"taken":true}');
        await webhooks.close();
        expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
      },
    );

    test.each<[string, string, string]>([
      ['comes with the headers', head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + SIGNED.body, ''],
      ['comes later', head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }), SIGNED.body],
      ['comes later in chunks', CHUNKED, `${chunk(Buffer.from(SIGNED.body))}${LAST}`],
    ])('does not keep a delivery whose body %s from its handlers', async (_when, first, later) => {
      const { port, webhooks, seen, reasons } = await served({}, { before: [early] });
      const handled = new Promise((resolve) => webhooks.lifecycle.once('handled', resolve));
      const peer = dial(port, first);
      await peer.answer;
      peer.socket.write(later);
      await handled;
      expect(reasons).toEqual([]);
      expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([SIGNED.body]);
    });

    test('while a handler ran is not sent again, and the delivery is handled all the same', async () => {
      const logger = recordingLogger();
      const { responses, keep } = keeping();
      const app = createApp({ logger }, { before: [keep] });
      const handled = new Promise((resolve) => app.webhooks.lifecycle.once('handled', resolve));
      app.webhooks.on('User.LoggedIn', () => responses[0]?.writeHead(503).end('the app gave up'));
      expect(await deliver(app)).toMatchObject({ status: 503, text: 'the app gave up' });
      await handled;
      await app.webhooks.close();
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });

  test('close() waits for a body that is on its way, and refuses the next', async () => {
    const { port, webhooks, request: received, seen } = await served();
    const first = dial(port, head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }));
    await received;
    const closed = webhooks.close({ timeoutMs: 60_000 });
    const refused = dial(port, head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + SIGNED.body);
    expect(statusOf(await refused.answer)).toBe(503);
    first.socket.write(SIGNED.body);
    expect(statusOf(await first.answer)).toBe(200);
    await closed;
    expect(seen).toHaveLength(1);
  });
});

/** The status of an answer, once all of it is there. */
async function answered(sent: ClientRequest): Promise<number | undefined> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (sent.method !== 'HEAD') await json(response);
  else await once(response.resume(), 'end');
  return response.statusCode;
}
