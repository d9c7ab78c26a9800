import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { json } from 'node:stream/consumers';
import request, { type Response } from 'supertest';
import * as z from 'zod';
import { sign } from '../../src/testing/index.js';
import { ADAPTERS, type CreateApp } from '../helpers/adapters.js';
import { FORGED, type Middleware, PATH, recordingLogger, SECRET, SIGNED, type TestApp } from '../helpers/harness.js';
import { chunk, dial, hangUp, head, listen, type Peer, statusOf } from '../helpers/raw-http.js';
import { startRecordingApp } from '../helpers/recording-app.js';

afterEach(hangUp);

const CHUNKED = head({ ...SIGNED.headers, 'transfer-encoding': 'chunked' });
const LAST = '0\r\n\r\n';

describe.each(ADAPTERS)('by %s', (_adapter, createApp) => {
  const served = (...args: Parameters<CreateApp>) => startRecordingApp(createApp, ...args);
  const deliver = ({ listener }: TestApp, headers = SIGNED.headers): Promise<Response> =>
    Promise.resolve(request(listener).post(PATH).set(headers).send(SIGNED.body));

  describe('keep-alive', () => {
    /** Sends requests one after the other. Returns their statuses, and how many connections they took. */
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

    test('a connection is used again after 200, 403 and 405', async () => {
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

    test('a connection is used again after 400, 422 and 500', async () => {
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

    test('a closed router responds with 405 and 503', async () => {
      const app = createApp();
      await app.webhooks.close();
      const used = await inTurn(app, [{ method: 'GET' }, SIGNED]);
      expect(used.statuses).toEqual([405, 503]);
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

  test('a sender that hangs up while its delivery is handled loses its response and nothing else', async () => {
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

  describe('when other middleware has responded', () => {
    const early: Middleware = (_req, res, next) => {
      res.writeHead(200, { 'content-type': 'application/json' }).end('{"taken":true}');
      next();
    };

    /** A middleware that keeps the responses, so that a test can respond later. */
    function keeping(): { readonly responses: ServerResponse[]; readonly keep: Middleware } {
      const responses: ServerResponse[] = [];
      return { responses, keep: (_req, res, next) => next(responses.push(res) && undefined) };
    }

    test.each(['respond', 'next'] as const)('the router sends no second response (errors: %s)', async (errors) => {
      const logger = recordingLogger();
      const { url, webhooks } = await served({ logger, errors }, { before: [early] });
      for (const headers of [SIGNED.headers, FORGED]) {
        const response = await fetch(url + PATH, { method: 'POST', headers, body: SIGNED.body });
        expect(await response.json()).toEqual({ taken: true });
      }
      await webhooks.close();
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });

    test.each(['respond', 'next'] as const)('a sender that goes on is left alone (errors: %s)', async (errors) => {
      const logger = recordingLogger();
      const { port, webhooks } = await served({ logger, errors }, { before: [early] });
      const peer = dial(port, head({ 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }));
      expect(await peer.answer).toContain('{"taken":true}');
      await webhooks.close();
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });

    test.each<[string, string, string]>([
      ['comes with the headers', head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }) + SIGNED.body, ''],
      ['comes later', head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }), SIGNED.body],
      ['comes later in chunks', CHUNKED, `${chunk(Buffer.from(SIGNED.body))}${LAST}`],
    ])('a delivery whose body %s still reaches its handlers', async (_when, first, later) => {
      const { port, webhooks, seen, reasons } = await served({}, { before: [early] });
      const handled = new Promise((resolve) => webhooks.lifecycle.once('handled', resolve));
      const peer = dial(port, first);
      await peer.answer;
      peer.socket.write(later);
      await handled;
      expect(reasons).toEqual([]);
      expect(seen.map(({ rawBody }) => rawBody.toString())).toEqual([SIGNED.body]);
    });

    test('the router sends no second response after one that a handler caused, and the delivery counts as handled', async () => {
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

  test('close() waits for a body that is still arriving, and refuses the next request', async () => {
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

/** The status of a response, once it is complete. */
async function answered(sent: ClientRequest): Promise<number | undefined> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (sent.method !== 'HEAD') await json(response);
  else await once(response.resume(), 'end');
  return response.statusCode;
}
