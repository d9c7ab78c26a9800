import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import express from 'express';
import request from 'supertest';
import { createWebhookRouter, type NodeListener, type WebhookRouter } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { FRAMEWORKS } from '../helpers/adapters.js';
import { PATH, recordingLogger, SECRET, SIGNED } from '../helpers/harness.js';
import { dial, hangUp, head, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

function router(options: Partial<Parameters<typeof createWebhookRouter>[0]> = {}): WebhookRouter {
  return createWebhookRouter({ secret: SECRET, logger: {}, ...options });
}

describe('requests for the app', () => {
  /** An app that records its arguments, and a listener that records what the server made. */
  function recording(): { app: NodeListener; given: unknown[][]; made: unknown[][]; watch: RequestListener } {
    const given: unknown[][] = [];
    const made: unknown[][] = [];
    return {
      given,
      made,
      watch: (...args) => void made.push(args),
      app: (...args) => {
        given.push(args);
        args[1].end('from the app');
      },
    };
  }

  test('the app gets the very same request and response, and nothing else', async () => {
    const { app, given, made, watch } = recording();
    const { url } = await listen(router().inFrontOf(app, { path: PATH }), (server) => server.on('request', watch));
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(`${url}/other?a=b`, { method });
      expect(await response.text()).toBe('from the app');
    }
    expect(given).toHaveLength(5);
    expect(given.map((args) => args.length)).toEqual([2, 2, 2, 2, 2]);
    for (const [index, [req, res]] of given.entries()) {
      expect(req).toBe(made[index]?.[0]);
      expect(res).toBe(made[index]?.[1]);
    }
  });

  test('the app gets the target, the headers and the body as they were sent', async () => {
    const target = '/Other//./path%2F/?a=b';
    const app = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      const { url, headers, readableDidRead, readableFlowing, readableEncoding } = req;
      const untouched = { readableDidRead, readableFlowing, readableEncoding };
      const members = Object.keys(req).filter((name) => ['originalUrl', 'body', 'rawBody', 'baseUrl'].includes(name));
      res.end(JSON.stringify({ url, members, untouched, custom: headers['x-custom'], body: await text(req) }));
    };
    const { port } = await listen(router().inFrontOf(app, { path: PATH }));
    const { answer } = dial(port, `${head({ 'x-custom': 'yes', 'content-length': 4 }, 'POST', target)}body`);
    expect(JSON.parse((await answer).split('\r\n\r\n')[1] ?? '')).toEqual({
      url: target,
      members: [],
      untouched: { readableDidRead: false, readableFlowing: null, readableEncoding: null },
      custom: 'yes',
      body: 'body',
    });
  });

  test('the router reports nothing about a request for the app', async () => {
    const webhooks = router();
    const notified = jest.fn();
    for (const name of ['received', 'verified', 'rejected'] as const) webhooks.lifecycle.on(name, notified);
    const listener = webhooks.inFrontOf(express(), { path: PATH });
    expect((await request(listener).post('/other').set(SIGNED.headers).send(SIGNED.body)).status).toBe(404);
    expect((await request(listener).get('/other')).status).toBe(404);
    expect(notified).not.toHaveBeenCalled();
  });

  test.each(FRAMEWORKS)('%s serves it with its parsers, routes and error middleware', async (_name, framework) => {
    const app = framework();
    app.use(framework.json());
    app.post('/orders', (req, res) => void res.status(201).json({ ordered: req.body, url: req.originalUrl }));
    app.post('/broken', () => {
      throw new Error('broken');
    });
    app.post(PATH, (_req, res) => void res.send('a route that is never reached'));
    const answer: express.ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).send(error.message);
    app.use(answer);
    const listener = router().inFrontOf(app, { path: PATH });
    expect((await request(listener).post('/orders?a=b').send({ a: 1 })).body).toEqual({
      ordered: { a: 1 },
      url: '/orders?a=b',
    });
    expect(await request(listener).post('/broken').send({})).toMatchObject({ status: 500, text: 'broken' });
    expect((await request(listener).get(PATH)).status).toBe(405);
    const delivered = await request(listener).post(PATH).set(SIGNED.headers).send(SIGNED.body);
    expect(delivered.body).toEqual({ status: 'unhandled' });
  });

  test('the listener returns what the app returns', () => {
    const promise = Promise.resolve();
    const listener = router().inFrontOf(() => promise, { path: PATH });
    expect(listener({ url: '/other' } as IncomingMessage, {} as ServerResponse)).toBe(promise);
  });
});

test('two routers in front of one app keep to their paths', async () => {
  const [a, b] = [router({ secret: 'key-a' }), router({ secret: 'key-b' })];
  const app = express().get('/health', (_req, res) => void res.send('ok'));
  const listener = a.inFrontOf(b.inFrontOf(app, { path: '/b' }), { path: '/a' });
  const signed = signedRequest(sampleEvent('Email.Sent'), { secret: 'key-b' });
  const statuses = ['/a', '/b', '/a/b', '/b/a'].map(
    async (path) => (await request(listener).post(path).set(signed.headers).send(signed.body)).status,
  );
  expect(await Promise.all(statuses)).toEqual([403, 200, 404, 404]);
  expect((await request(listener).get('/health')).text).toBe('ok');
});

test('one router may be in front of several apps, and in an app as well', async () => {
  const webhooks = router();
  const handler = jest.fn();
  webhooks.on('User.LoggedIn', handler);
  const listeners = [
    webhooks.inFrontOf(express(), { path: PATH }),
    webhooks.inFrontOf(express(), { path: PATH }),
    express().use(webhooks),
  ];
  const bodies: unknown[] = [];
  for (const listener of listeners) {
    bodies.push((await request(listener).post(PATH).set(SIGNED.headers).send(SIGNED.body)).body.status);
  }
  expect(bodies).toEqual(['handled', 'duplicate', 'duplicate']);
  expect(handler).toHaveBeenCalledTimes(1);
});

test('deliveries are refused after close(), and the app goes on', async () => {
  const webhooks = router();
  const app = express().get('/health', (_req, res) => void res.send('ok'));
  const listener = webhooks.inFrontOf(app, { path: PATH });
  await webhooks.close();
  const refused = await request(listener).post(PATH).set(SIGNED.headers).send(SIGNED.body);
  expect(refused).toMatchObject({ status: 503, body: { error: { code: 'ERR_CLOSING' } } });
  expect(refused.headers['retry-after']).toBe('5');
  expect(await request(listener).get('/health')).toMatchObject({ status: 200, text: 'ok' });
});

describe("with errors: 'next'", () => {
  const warning = "inFrontOf(): no middleware follows, so `errors: 'next'` has no effect.";
  let emitWarning: jest.SpyInstance;
  beforeEach(() => {
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => {
    emitWarning.mockRestore();
  });

  test('the log warns that the option has no effect', () => {
    const logger = recordingLogger();
    router({ errors: 'next', logger }).inFrontOf(express(), { path: PATH });
    expect(logger.lines).toEqual([{ level: 'warn', fields: { code: 'WARN_ERRORS_NEXT' }, message: warning }]);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('the process warns once without a logger', () => {
    const webhooks = createWebhookRouter({ secret: SECRET, errors: 'next' });
    webhooks.inFrontOf(express(), { path: '/a' });
    webhooks.inFrontOf(express(), { path: '/b' });
    expect(emitWarning.mock.calls).toEqual([[warning, { type: 'CakemailWebhooksWarning', code: 'WARN_ERRORS_NEXT' }]]);
  });

  test("nothing warns with errors: 'respond'", () => {
    const logger = recordingLogger();
    router({ logger }).inFrontOf(express(), { path: PATH });
    createWebhookRouter({ secret: SECRET }).inFrontOf(express(), { path: PATH });
    expect(logger.lines).toEqual([]);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('the router responds, and no middleware of the app is called', async () => {
    const app = express();
    const own = jest.fn();
    const answer: express.ErrorRequestHandler = (error, _req, res, _next) => void own(error, res.sendStatus(418));
    app.use(own, answer);
    const webhooks = router({ errors: 'next' });
    webhooks.on('User.LoggedIn', () => Promise.reject(new Error('no')));
    const listener = webhooks.inFrontOf(app, { path: PATH });
    expect(await request(listener).post(PATH).send('{}')).toMatchObject({
      status: 403,
      body: { error: { code: 'ERR_SIGNATURE' } },
    });
    expect(await request(listener).post(PATH).set(SIGNED.headers).send(SIGNED.body)).toMatchObject({
      status: 500,
      body: { error: { code: 'ERR_HANDLER_FAILED' } },
    });
    expect(own).not.toHaveBeenCalled();
  });
});

describe('requests that are not for an app', () => {
  const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket' };
  const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';

  test.each(['/socket', PATH])('the server handles an upgrade at %s', async (path) => {
    const app = jest.fn();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }), (server) =>
      server.on('upgrade', (_req, socket) => socket.end(SWITCHED)),
    );
    expect(await dial(port, head(UPGRADE, 'GET', path)).answer).toBe(SWITCHED);
    expect(app).not.toHaveBeenCalled();
  });

  test('an upgrade that the server does not handle is an ordinary request', async () => {
    const app: NodeListener = (_req, res) => void res.writeHead(426).end();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }));
    expect(statusOf(await dial(port, head(UPGRADE, 'GET', '/socket')).answer)).toBe(426);
    const offered = head({ ...SIGNED.headers, ...UPGRADE, 'content-length': SIGNED.body.length }) + SIGNED.body;
    expect(await dial(port, offered).answer).toContain('{"status":"unhandled"}');
  });

  test('the server handles CONNECT', async () => {
    const app = jest.fn();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }), (server) =>
      server.on('connect', (_req, socket) => socket.end('HTTP/1.1 200 Connected\r\n\r\n')),
    );
    expect(statusOf(await dial(port, head({}, 'CONNECT', 'localhost:443')).answer)).toBe(200);
    expect(app).not.toHaveBeenCalled();
  });

  test('the app handles OPTIONS *', async () => {
    const app: NodeListener = (req, res) => void res.writeHead(204, { 'x-url': req.url }).end();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }));
    expect(await dial(port, head({}, 'OPTIONS', '*')).answer).toMatch(/^x-url: \*/im);
  });
});
