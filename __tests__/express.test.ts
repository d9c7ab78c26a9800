import type express from 'express';
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
import { sampleEvent, signedRequest } from '../src/testing/index.js';
import { FRAMEWORKS } from './helpers/adapters.js';
import { createApp, FORGED, PATH, SECRET, SIGNED, type TestApp } from './helpers/harness.js';
import { dial, hangUp, head, listen, type Peer } from './helpers/raw-http.js';

afterEach(hangUp);

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
    ])('behind %s, the router accepts a signed delivery and refuses a forged one', async (_how, mount) => {
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

    test('other routes get their parsed bodies from a parser that comes after the router', async () => {
      const { app, webhooks } = createApp({}, { framework });
      const notices = jest.fn();
      webhooks.lifecycle.on('received', notices).on('rejected', notices);
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

    test('two routers with different keys in one app are separate', async () => {
      const app = framework();
      app.use('/a', createWebhookRouter({ secret: 'key-a' }));
      app.use('/b', createWebhookRouter({ secret: 'key-b' }));
      const { headers, body } = signedRequest(sampleEvent('Email.Sent'), { secret: 'key-b' });
      expect((await request(app).post('/a').set(headers).send(body)).status).toBe(403);
      expect((await request(app).post('/b').set(headers).send(body)).status).toBe(200);
    });
  });

  test('the app serves other methods when the router is mounted by app.post(path)', async () => {
    const app = framework();
    app.post(PATH, createWebhookRouter({ secret: SECRET }));
    app.get(PATH, (_req, res) => void res.send('a page'));
    expect(await request(app).get(PATH)).toMatchObject({ status: 200, text: 'a page' });
    expect((await request(app).put(PATH)).status).toBe(404);
  });

  describe("with errors: 'next'", () => {
    /** An app whose own error middleware responds and records the errors. */
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

    test('the router responds to accepted deliveries itself', async () => {
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

    test('the error has the headers of the response', async () => {
      const { app, webhooks } = ownErrors();
      expect((await request(app).get(PATH)).headers['allow']).toBe('POST');
      await webhooks.close();
      expect(await deliver(app)).toMatchObject({ text: 'ours: ERR_CLOSING', headers: { 'retry-after': '5' } });
    });

    test('the error of failing handlers is a HandlerError that holds every failure', async () => {
      const { app, webhooks, errors } = ownErrors();
      const failures = [new Error('one'), new Error('two')];
      for (const failure of failures) webhooks.on('User.LoggedIn', () => Promise.reject(failure));
      expect(await deliver(app)).toMatchObject({ status: 500, text: 'ours: ERR_HANDLER_FAILED' });
      expect(errors).toEqual([expect.any(HandlerError)]);
      expect(errors).toMatchObject([{ errors: failures, message: 'A handler failed.' }]);
    });

    test('the message is the generic one, because the app may send it on', async () => {
      const secrets = () => Promise.reject(new Error('the key server is away'));
      const { app, errors } = ownErrors({ secrets });
      expect(await deliver(app)).toMatchObject({ status: 503 });
      expect(errors).toMatchObject([
        { message: 'The keys to verify with could not be loaded.', cause: { message: 'the key server is away' } },
      ]);
    });

    test('the error for a body that another parser has read reaches the error middleware', async () => {
      const { app } = ownErrors({}, [framework.json()]);
      expect(await deliver(app)).toMatchObject({ status: 500, text: 'ours: ERR_BODY_CONSUMED' });
    });

    test.each<[number, string, (app: TestApp) => Promise<Response>]>([
      [403, 'a forgery', ({ app }) => deliver(app, FORGED)],
      [400, 'a body that is not an event', ({ deliver }) => deliver('[]')],
      [405, 'another method', async ({ app }) => request(app).get(PATH)],
      [500, 'a failing handler', ({ deliver }) => deliver('Email.Sent')],
    ])("Express's own error handler responds with %i to %s", async (status, _what, send) => {
      const app = createApp({ errors: 'next' }, { framework });
      app.webhooks.on('Email.Sent', () => Promise.reject(new Error('no')));
      expect((await send(app)).status).toBe(status);
    });

    test("Express's own error handler sends the headers of the error", async () => {
      const { app } = createApp({ errors: 'next' }, { framework });
      expect((await request(app).get(PATH)).headers['allow']).toBe('POST');
    });

    test('a sender that hangs up causes no error', async () => {
      const { app, webhooks, errors } = ownErrors();
      const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
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
      ['the app has responded', ({ socket }, res) => res?.send('too slow') && socket.write('0\r\n\r\n')],
    ])('the error middleware is not called for a refused request once %s', async (_what, end) => {
      const responses: express.Response[] = [];
      const keep: express.RequestHandler = (_req, res, next) => next(responses.push(res) && undefined);
      const { app, webhooks, errors } = ownErrors({}, [keep]);
      const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
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

    test('Express responds when the error middleware throws', async () => {
      const { app } = createApp({ errors: 'next' }, { framework });
      const broken: express.ErrorRequestHandler = (_error, _req, _res, _next) => {
        throw Object.assign(new Error('the error middleware is broken'), { status: 502 });
      };
      app.use(broken);
      expect((await deliver(app, FORGED)).status).toBe(502);
      expect((await deliver(app)).status).toBe(200);
    });
  });
});
