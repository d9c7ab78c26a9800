import { once } from 'node:events';
import { Agent, type ClientRequest, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import express from 'express';
import request, { type Response } from 'supertest';
import * as z from 'zod';
import {
  createWebhookRouter,
  HandlerError,
  keepRawBody,
  WebhookError,
  type WebhookRouter,
  type WebhookRouterOptions,
} from '../src/index.js';
import { sampleEvent, sign, signedRequest } from '../src/testing/index.js';
import { createApp, PATH, SECRET, type TestApp } from './helpers/app.js';
import { dial, FRAMEWORKS, hangUp, head, listen, type Peer, recordingLogger, statusOf } from './helpers/wire.js';

jest.setTimeout(15_000);
afterEach(hangUp);

const SIGNED = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
const FORGED = { ...SIGNED.headers, 'x-signature': sign(SIGNED.body, 'another key') };

const deliver = (app: Parameters<typeof request>[0], headers = SIGNED.headers): Promise<Response> =>
  Promise.resolve(request(app).post(PATH).set(headers).send(SIGNED.body));

describe.each(FRAMEWORKS)('on %s', (_name, framework) => {
  describe('mounted', () => {
    test.each<[string, (app: express.Express, webhooks: WebhookRouter) => unknown]>([
      ['app.use(path)', (app, webhooks) => app.use(PATH, webhooks)],
      ['app.post(path)', (app, webhooks) => app.post(PATH, webhooks)],
      ['app.all(path)', (app, webhooks) => app.all(PATH, webhooks)],
      ['app.use()', (app, webhooks) => app.use(webhooks)],
      ['app.route(path)', (app, webhooks) => app.route(PATH).post(webhooks)],
      ['a Router', (app, webhooks) => app.use('/webhooks', framework.Router().use('/cakemail', webhooks))],
      [
        'a Router in a Router',
        (app, webhooks) => app.use(framework.Router().use('/webhooks', framework.Router().post('/cakemail', webhooks))),
      ],
      ['an app in the app', (app, webhooks) => app.use('/webhooks', framework().use('/cakemail', webhooks))],
      [
        'express.json() with keepRawBody',
        (app, webhooks) => app.use(framework.json({ verify: keepRawBody }), webhooks),
      ],
      ['express.raw()', (app, webhooks) => app.use(framework.raw({ type: '*/*' }), webhooks)],
    ])('by or behind %s, it takes what is signed and refuses what is forged', async (_how, mount) => {
      const webhooks = createWebhookRouter({ secret: SECRET });
      const handler = jest.fn();
      webhooks.on('User.LoggedIn', handler);
      const app = framework();
      mount(app, webhooks);
      expect(await deliver(app, FORGED)).toMatchObject({ status: 403, body: { error: { code: 'ERR_SIGNATURE' } } });
      expect(handler).not.toHaveBeenCalled();
      expect(await deliver(app)).toMatchObject({ status: 200, body: { status: 'handled' } });
      expect(handler).toHaveBeenCalledTimes(1);
    });

    test('before a global parser, it leaves the other routes their parsed bodies', async () => {
      const { app, webhooks } = createApp({}, { framework });
      const notices = jest.fn();
      webhooks.events.on('received', notices).on('rejected', notices);
      app.use(framework.json());
      app.post('/orders', (req, res) => void res.status(201).json({ ordered: req.body }));
      app.get('/health', (_req, res) => void res.send('ok'));
      expect(await request(app).post('/orders').send({ a: 1 })).toMatchObject({
        status: 201,
        body: { ordered: { a: 1 } },
      });
      expect(await request(app).get('/health')).toMatchObject({ status: 200, text: 'ok' });
      expect((await request(app).post('/webhooks/others').send({})).status).toBe(404);
      expect(notices).not.toHaveBeenCalled();
      expect((await deliver(app)).status).toBe(200);
    });

    test('twice, each with its own key, it keeps the two apart', async () => {
      const app = framework();
      app.use('/a', createWebhookRouter({ secret: 'key-a' }));
      app.use('/b', createWebhookRouter({ secret: 'key-b' }));
      const { headers, body } = signedRequest(sampleEvent('Email.Sent'), { secret: 'key-b' });
      expect((await request(app).post('/a').set(headers).send(body)).status).toBe(403);
      expect((await request(app).post('/b').set(headers).send(body)).status).toBe(200);
    });
  });

  describe('other methods', () => {
    test.each(['get', 'put', 'patch', 'delete', 'head', 'options'] as const)('%s is answered 405', async (method) => {
      const { app } = createApp({}, { framework });
      const response = await request(app)[method](PATH);
      expect(response.status).toBe(405);
      expect(response.headers['allow']).toBe('POST');
      expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
      if (method === 'head') expect(response.text).toBeUndefined();
      else expect(response.body).toMatchObject({ error: { code: 'ERR_METHOD' } });
    });

    test('are left to the app by app.post(path)', async () => {
      const app = framework();
      app.post(PATH, createWebhookRouter({ secret: SECRET }));
      app.get(PATH, (_req, res) => void res.send('a page'));
      expect(await request(app).get(PATH)).toMatchObject({ status: 200, text: 'a page' });
      expect((await request(app).put(PATH)).status).toBe(404);
    });
  });

  test('a connection is used again after 200, 403 and 405', async () => {
    const { app } = createApp({}, { framework });
    const { port, sockets } = await listen(app);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const statuses: unknown[] = [];
    for (const [method, headers] of [
      ['POST', SIGNED.headers],
      ['POST', FORGED],
      ['GET', {}],
      ['PUT', {}],
      ['HEAD', {}],
      ['DELETE', {}],
      ['POST', SIGNED.headers],
    ] as const) {
      const sent = httpRequest({ port, agent, path: PATH, method, headers });
      sent.end(method === 'POST' ? SIGNED.body : undefined);
      statuses.push(await answered(sent));
    }
    agent.destroy();
    expect(statuses).toEqual([200, 403, 405, 405, 405, 405, 200]);
    expect(sockets.length).toBe(1);
  });

  describe("with errors: 'next'", () => {
    /** The app's own error middleware answers, and what it was given is kept. */
    function ownErrors(options: Partial<WebhookRouterOptions> = {}, before: express.RequestHandler[] = []) {
      const app = createApp({ errors: 'next', logger: {}, ...options }, { framework, before });
      const errors: unknown[] = [];
      const own: express.ErrorRequestHandler = (error, _req, res, _next) => {
        errors.push(error);
        res
          .status(error.status)
          .set(error.headers ?? {})
          .send(`ours: ${error.code}`);
      };
      app.app.use(own);
      return { ...app, errors };
    }

    test('what is taken is answered by the router', async () => {
      const { app, errors } = ownErrors();
      expect(await deliver(app)).toMatchObject({ status: 200, body: { status: 'unhandled' } });
      expect(errors).toEqual([]);
    });

    test.each<[string, number, Partial<WebhookRouterOptions>, (app: TestApp) => Promise<Response>]>([
      ['ERR_SIGNATURE', 403, {}, ({ app }) => deliver(app, FORGED)],
      ['ERR_PAYLOAD', 400, {}, ({ deliver }) => deliver('[]')],
      ['ERR_CONTENT_ENCODING', 415, {}, ({ post }) => post('x', { 'content-encoding': 'gzip' })],
      ['ERR_METHOD', 405, {}, async ({ app }) => request(app).get(PATH)],
      ['ERR_BODY_TOO_LARGE', 413, { limit: 10 }, ({ app }) => deliver(app)],
      ['ERR_SCHEMA_MISMATCH', 422, { schemas: { 'User.LoggedIn': z.null() } }, ({ app }) => deliver(app)],
      ['ERR_KEYS_UNAVAILABLE', 503, { secrets: () => Promise.reject(new Error('no')) }, ({ app }) => deliver(app)],
    ])('%s reaches the error middleware, with its status %i', async (code, status, options, send) => {
      const { errors, ...app } = ownErrors(options);
      expect(await send(app)).toMatchObject({ status, text: `ours: ${code}` });
      expect(errors).toEqual([expect.any(WebhookError)]);
      expect(errors).toMatchObject([{ code, status, help: expect.any(String) }]);
    });

    test('the headers of an answer come along', async () => {
      const { app, webhooks } = ownErrors();
      expect((await request(app).get(PATH)).headers['allow']).toBe('POST');
      await webhooks.close();
      expect(await deliver(app)).toMatchObject({ text: 'ours: ERR_CLOSING', headers: { 'retry-after': '5' } });
    });

    test('a failing handler comes as a HandlerError with every failure', async () => {
      const { app, webhooks, errors } = ownErrors();
      const failures = [new Error('one'), new Error('two')];
      for (const failure of failures) webhooks.on('User.LoggedIn', () => Promise.reject(failure));
      expect(await deliver(app)).toMatchObject({ status: 500, text: 'ours: ERR_HANDLER_FAILED' });
      expect(errors).toEqual([expect.any(HandlerError)]);
      expect(errors).toMatchObject([{ errors: failures }]);
    });

    test('a body that another parser took reaches the error middleware', async () => {
      const { app } = ownErrors({}, [framework.json()]);
      expect(await deliver(app)).toMatchObject({ status: 500, text: 'ours: ERR_BODY_CONSUMED' });
    });

    test.each<[number, string, (app: TestApp) => Promise<Response>]>([
      [403, 'a forgery', ({ app }) => deliver(app, FORGED)],
      [400, 'what is no event', ({ deliver }) => deliver('[]')],
      [405, 'another method', async ({ app }) => request(app).get(PATH)],
      [500, 'a failing handler', ({ deliver }) => deliver('Email.Sent')],
    ])("Express's own error handler answers %i to %s", async (status, _what, send) => {
      const app = createApp({ errors: 'next' }, { framework });
      app.webhooks.on('Email.Sent', () => Promise.reject(new Error('no')));
      expect((await send(app)).status).toBe(status);
    });

    test("Express's own error handler sends the headers of the error", async () => {
      const { app } = createApp({ errors: 'next' }, { framework });
      expect((await request(app).get(PATH)).headers['allow']).toBe('POST');
    });

    test('a sender that hung up troubles nobody', async () => {
      const { app, webhooks, errors } = ownErrors();
      const rejected = new Promise((resolve) => webhooks.events.once('rejected', resolve));
      const { port, request: received } = await listen(app);
      const peer = dial(port, head({ 'content-length': 100 }));
      await received;
      peer.socket.destroy();
      expect(await rejected).toMatchObject({ reason: 'body_aborted' });
      await webhooks.close();
      expect(errors).toEqual([]);
    });

    test.each<[string, (peer: Peer, res: express.Response | undefined) => unknown]>([
      ['the sender hung up', ({ socket }) => socket.destroy()],
      ['the app gave up', ({ socket }, res) => res?.send('too slow') && socket.write('0\r\n\r\n')],
    ])('a refused request is no matter for it any more once %s', async (_what, end) => {
      const responses: express.Response[] = [];
      const keep: express.RequestHandler = (_req, res, next) => next(responses.push(res) && undefined);
      const { app, webhooks, errors } = ownErrors({}, [keep]);
      const rejected = new Promise((resolve) => webhooks.events.once('rejected', resolve));
      const { port, request: received } = await listen(app);
      const peer = dial(port, head({ 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }));
      const req = await received;
      await rejected;
      const closed = new Promise((resolve) => req.once('close', resolve));
      end(peer, responses[0]);
      await closed;
      await webhooks.close();
      expect(errors).toEqual([]);
    });

    test('an error middleware that throws leaves the answer to Express', async () => {
      const { app } = createApp({ errors: 'next' }, { framework });
      const broken: express.ErrorRequestHandler = (_error, _req, _res, _next) => {
        throw Object.assign(new Error('the error middleware is broken'), { status: 502 });
      };
      app.use(broken);
      expect((await deliver(app, FORGED)).status).toBe(502);
      expect((await deliver(app)).status).toBe(200);
    });
  });

  describe('an answer that somebody else has sent', () => {
    const early: express.RequestHandler = (_req, res, next) => {
      res.json({ taken: true });
      next();
    };

    test.each(['respond', 'next'] as const)('is not sent again (errors: %s)', async (errors) => {
      const logger = recordingLogger();
      const { app, webhooks } = createApp({ logger, errors }, { framework, before: [early] });
      const { url } = await listen(app);
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
        const { app, webhooks } = createApp({ logger, errors }, { framework, before: [early] });
        const { port } = await listen(app);
        const peer = dial(port, head({ 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }));
        expect(await peer.answer).toContain('{"taken":true}');
        await webhooks.close();
        expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
      },
    );

    test('while a handler ran is not sent again, and the delivery is handled all the same', async () => {
      const logger = recordingLogger();
      const responses: express.Response[] = [];
      const keep: express.RequestHandler = (_req, res, next) => next(responses.push(res) && undefined);
      const { app, webhooks } = createApp({ logger }, { framework, before: [keep] });
      const handled = new Promise((resolve) => webhooks.events.once('handled', resolve));
      webhooks.on('User.LoggedIn', () => responses[0]?.status(503).send('the app gave up'));
      expect(await deliver(app)).toMatchObject({ status: 503, text: 'the app gave up' });
      await handled;
      await webhooks.close();
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });
});

describe('without Express, under http.createServer(webhooks)', () => {
  test('it takes what is signed and refuses the rest', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.on('User.LoggedIn', () => {});
    webhooks.on('Email.Sent', () => Promise.reject(new Error('no')));
    webhooks.onError(() => {});
    const server = createServer(webhooks);
    const failing = signedRequest(sampleEvent('Email.Sent'), { secret: SECRET });
    expect(await deliver(server)).toMatchObject({ status: 200, body: { status: 'handled' } });
    expect((await deliver(server, FORGED)).status).toBe(403);
    expect((await request(server).get('/')).status).toBe(405);
    expect((await request(server).post('/').set(failing.headers).send(failing.body)).status).toBe(500);
  });

  test("with errors: 'next' it answers itself, because there is no next", async () => {
    const server = createServer(createWebhookRouter({ secret: SECRET, errors: 'next' }));
    expect(await deliver(server, FORGED)).toMatchObject({ status: 403, body: { error: { code: 'ERR_SIGNATURE' } } });
  });

  test('a next that throws is contained and logged', async () => {
    const logged = new Promise<string>((resolve) => {
      const logger = { error: (_fields: unknown, message: string) => resolve(message) };
      const webhooks = createWebhookRouter({ secret: SECRET, errors: 'next', logger });
      const broken = (): never => {
        throw new Error('no next');
      };
      void listen((req, res) => webhooks(req, res, broken)).then(({ port }) => dial(port, head({}, 'GET')));
    });
    expect(await logged).toBe('the answer could not be given');
  });
});

describe('every outcome, as it is answered', () => {
  const code = (name: string) => ({ error: { code: name, message: expect.any(String) } });
  const broken = (): never => {
    throw new Error('do-not-tell');
  };
  const shared = (reserve: () => never | { state: 'running' }) => ({ reserve, finish: () => {}, release: () => {} });
  const login = ({ deliver }: TestApp): Promise<Response> => deliver('User.LoggedIn');

  test.each<{
    outcome: string;
    status: number;
    body: object;
    options?: Partial<WebhookRouterOptions>;
    before?: express.RequestHandler;
    headers?: object;
    send?: (app: TestApp) => Promise<Response>;
  }>([
    { outcome: 'handled', status: 200, body: { status: 'handled' } },
    {
      outcome: 'unhandled',
      status: 200,
      body: { status: 'unhandled' },
      send: ({ deliver }) => deliver('List.Created'),
    },
    {
      outcome: 'duplicate',
      status: 200,
      body: { status: 'duplicate' },
      send: async (app) => (await login(app)) && login(app),
    },
    { outcome: 'forged', status: 403, body: code('ERR_SIGNATURE'), send: ({ app }) => deliver(app, FORGED) },
    { outcome: 'no event', status: 400, body: code('ERR_PAYLOAD'), send: ({ deliver }) => deliver('{}') },
    {
      outcome: 'refused by the schema',
      status: 422,
      body: code('ERR_SCHEMA_MISMATCH'),
      options: { schemas: { 'User.LoggedIn': z.null() } },
    },
    {
      outcome: 'the schema failed',
      status: 500,
      body: code('ERR_SCHEMA_FAILED'),
      options: { schemas: { 'User.LoggedIn': z.any().transform(broken) } },
    },
    {
      outcome: 'running elsewhere',
      status: 409,
      body: code('ERR_DELIVERY_RUNNING'),
      options: { dedupe: shared(() => ({ state: 'running' })) },
      headers: { 'retry-after': '5' },
    },
    { outcome: 'too large', status: 413, body: code('ERR_BODY_TOO_LARGE'), options: { limit: 10 } },
    {
      outcome: 'compressed',
      status: 415,
      body: code('ERR_CONTENT_ENCODING'),
      send: ({ post }) => post('x', { 'content-encoding': 'gzip' }),
    },
    {
      outcome: 'another method',
      status: 405,
      body: code('ERR_METHOD'),
      send: async ({ app }) => request(app).get(PATH),
      headers: { allow: 'POST' },
    },
    { outcome: 'consumed', status: 500, body: code('ERR_BODY_CONSUMED'), before: express.json() },
    {
      outcome: 'a handler failed',
      status: 500,
      body: code('ERR_HANDLER_FAILED'),
      send: ({ deliver }) => deliver('Email.Error'),
    },
    {
      outcome: 'a handler took too long',
      status: 500,
      body: code('ERR_HANDLER_TIMEOUT'),
      options: { timeoutMs: { handler: 50 } },
      send: ({ deliver }) => deliver('Email.Queued'),
    },
    {
      outcome: 'no keys',
      status: 503,
      body: code('ERR_KEYS_UNAVAILABLE'),
      options: { secrets: broken },
      headers: { 'retry-after': '5' },
    },
    {
      outcome: 'no dedupe store',
      status: 503,
      body: code('ERR_DEDUPE_UNAVAILABLE'),
      options: { dedupe: shared(broken) },
      headers: { 'retry-after': '5' },
    },
    {
      outcome: 'closing',
      status: 503,
      body: code('ERR_CLOSING'),
      send: async (app) => login((await app.webhooks.close()) ?? app),
      headers: { 'retry-after': '5' },
    },
    {
      outcome: 'the receiver failed',
      status: 500,
      body: code('ERR_INTERNAL'),
      before: (req, _res, next) => next(Object.defineProperty(req, 'rawBody', { get: broken }) && undefined),
    },
  ])('$outcome → $status', async ({ status, body, options, before, headers = {}, send = login }) => {
    const app = createApp({ logger: {}, ...options }, { before: before ? [before] : [] });
    app.webhooks.on('User.LoggedIn', () => {});
    app.webhooks.on('Email.Error', broken);
    app.webhooks.on('Email.Queued', () => new Promise(() => {}));
    const response = await send(app);
    expect(response.status).toBe(status);
    expect(response.body).toEqual(body);
    expect(response.text).not.toContain('do-not-tell');
    expect(response.headers).toMatchObject({
      ...headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(response.text)),
    });
  });

  test('slow → 408', async () => {
    const { app } = createApp({ timeoutMs: { body: 50 } });
    const { port } = await listen(app);
    const answer = await dial(port, head({ 'content-length': 10 })).answer;
    expect(statusOf(answer)).toBe(408);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toEqual(code('ERR_BODY_TIMEOUT'));
  });

  test('the length of an answer is that of its bytes', async () => {
    const { deliver, webhooks } = createApp({ exposeErrors: true, logger: {} });
    webhooks.on('User.LoggedIn', () => Promise.reject(new Error('échec 🎉')));
    const response = await deliver('User.LoggedIn');
    expect(response.body.error.detail).toContain('échec 🎉');
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(response.text)));
  });
});

/** The status of an answer, once all of it is there. */
async function answered(sent: ClientRequest): Promise<number | undefined> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (sent.method !== 'HEAD') await json(response);
  else await once(response.resume(), 'end');
  return response.statusCode;
}
