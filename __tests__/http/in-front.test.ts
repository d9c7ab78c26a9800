import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import express from 'express';
import request from 'supertest';
import {
  ConfigurationError,
  createWebhookRouter,
  type InFrontOptions,
  type NodeListener,
  type WebhookRouter,
} from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { FRAMEWORKS } from '../helpers/adapters.js';
import { PATH, recordingLogger, SECRET, SIGNED } from '../helpers/harness.js';
import { dial, hangUp, head, listen, statusOf } from '../helpers/raw-http.js';

afterEach(hangUp);

function router(options: Partial<Parameters<typeof createWebhookRouter>[0]> = {}): WebhookRouter {
  return createWebhookRouter({ secret: SECRET, logger: {}, ...options });
}

/** Who answered a signed POST to this request target, written as it is. */
async function answererOf(port: number, target: string): Promise<string> {
  const sent = head({ ...SIGNED.headers, 'content-length': SIGNED.body.length }, 'POST', target) + SIGNED.body;
  const answer = await dial(port, sent).answer;
  if (answer.includes('{"status":')) return 'the router';
  return statusOf(answer) === 404 ? 'the app' : answer;
}

const ON_THE_PATH = [
  '/webhooks/cakemail',
  '/webhooks/cakemail/',
  '/WEBHOOKS/CakeMail',
  '/Webhooks/Cakemail/',
  '/webhooks/cakemail?',
  '/webhooks/cakemail?a=b&c=/d',
  '/webhooks/cakemail/?a=b',
  '/webhooks/cakemail?http://localhost/other',
  '/webhooks/cakemail#fragment',
  '/webhooks/cakemail/#',
  '/webhooks/cakemail#/below',
  '/webhooks/cakemail#a?b',
  '/Webhooks/cakemail?a=b#c',
  'http://localhost/webhooks/cakemail#fragment',
  'http://localhost/webhooks/cakemail',
  'http://localhost:3000/webhooks/cakemail/',
  'https://example.com/Webhooks/CAKEMAIL?a=b',
];

const ELSEWHERE = [
  '/',
  '/?/webhooks/cakemail',
  '/webhooks',
  '/webhooks/',
  '/webhooks/cakemai',
  '/webhooks/cakemails',
  '/webhooks/cakemail/below',
  '/webhooks/cakemail/below?/webhooks/cakemail',
  '/webhooks/cakemail//',
  '/webhooks//cakemail',
  '//webhooks/cakemail',
  '/beside/webhooks/cakemail',
  '/webhooks/./cakemail',
  '/webhooks/below/../cakemail',
  '/webhooks%2Fcakemail',
  '/webhooks/cakemai%6C',
  '/webhooks/cakemail%20',
  '/webhooks/cakemail;v=1',
  '/webhooks/cakemail.json',
  '/#/webhooks/cakemail',
  '/other#/webhooks/cakemail',
  '/webhooks/cakemail/below#fragment',
  '/webhooks#/cakemail',
  'http://localhost/',
  'http://localhost',
  'http://localhost/webhooks/cakemail/below',
  'http://localhost/?/webhooks/cakemail',
  'http://webhooks/cakemail',
  'http://localhost/webhooks/below/../cakemail',
  'http://localhost/webhooks/./cakemail',
];

describe('the path', () => {
  test.each(ON_THE_PATH)('%s is the router’s', async (target) => {
    const { port } = await listen(router().inFrontOf(express(), { path: PATH }));
    expect(await answererOf(port, target)).toBe('the router');
  });

  test.each(ELSEWHERE)('%s is the app’s', async (target) => {
    const { port } = await listen(router().inFrontOf(express(), { path: PATH }));
    expect(await answererOf(port, target)).toBe('the app');
  });

  test.each(FRAMEWORKS)('is where app.all(path) of %s has it', async (_name, framework) => {
    const { port } = await listen(framework().all(PATH, router()));
    const answerers = await Promise.all([...ON_THE_PATH, ...ELSEWHERE].map((target) => answererOf(port, target)));
    expect(answerers).toEqual([...ON_THE_PATH.map(() => 'the router'), ...ELSEWHERE.map(() => 'the app')]);
  });

  test.each(['/webhooks/cakemail', '/webhooks/cakemail/', '/Webhooks/CakeMail'])('may be given as %s', async (path) => {
    const { port } = await listen(router().inFrontOf(express(), { path }));
    for (const target of [path, '/webhooks/cakemail', '/WEBHOOKS/cakemail/?a=b']) {
      expect(await answererOf(port, target)).toBe('the router');
    }
    expect(await answererOf(port, '/webhooks/cakemail/below')).toBe('the app');
  });

  test.each(['/a-b_c.d~e', '/a:b', '/a,b;c=d', '/@a/!b', "/$a&b'c", '/caf%C3%A9', '/0'])(
    'may hold what addresses hold: %s',
    async (path) => {
      const { port } = await listen(router().inFrontOf(express(), { path }));
      expect(await answererOf(port, path)).toBe('the router');
      expect(await answererOf(port, `${path}x`)).toBe('the app');
    },
  );

  test("that is '/' is the root alone", async () => {
    const { port } = await listen(router().inFrontOf(express(), { path: '/' }));
    const targets = ['/', '/?a=b', 'http://localhost/', 'http://localhost', '//', '/a', '/a/', '/?/a', 'http://a/b'];
    const answerers = await Promise.all(targets.map((target) => answererOf(port, target)));
    expect(answerers).toEqual([
      ...['the router', 'the router', 'the router', 'the router'],
      ...['the app', 'the app', 'the app', 'the router', 'the app'],
    ]);
  });

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    '%s is refused there, and not the app’s',
    async (method) => {
      const app = jest.fn();
      const { url } = await listen(router().inFrontOf(app, { path: PATH }));
      const response = await fetch(url + PATH, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
      expect(app).not.toHaveBeenCalled();
    },
  );
});

describe('what is the app’s', () => {
  /** What an app is called with, besides what the server made. */
  function spying(): { app: NodeListener; given: unknown[][]; made: unknown[][]; watch: RequestListener } {
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

  test('comes with the very same request and response, and nothing else', async () => {
    const { app, given, made, watch } = spying();
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

  test('comes as it was sent: target, headers and body', async () => {
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

  test('tells the router nothing', async () => {
    const webhooks = router();
    const told = jest.fn();
    for (const name of ['received', 'verified', 'rejected'] as const) webhooks.lifecycle.on(name, told);
    const listener = webhooks.inFrontOf(express(), { path: PATH });
    expect((await request(listener).post('/other').set(SIGNED.headers).send(SIGNED.body)).status).toBe(404);
    expect((await request(listener).get('/other')).status).toBe(404);
    expect(told).not.toHaveBeenCalled();
  });

  test.each(FRAMEWORKS)('is served by %s with its parsers, routes and error middleware', async (_name, framework) => {
    const app = framework();
    app.use(framework.json());
    app.post('/orders', (req, res) => void res.status(201).json({ ordered: req.body, url: req.originalUrl }));
    app.post('/broken', () => {
      throw new Error('broken');
    });
    app.post(PATH, (_req, res) => void res.send('a route in the shadow'));
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

  test('leaves what the app gives back to whoever called', () => {
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

test('one router may be in front of several apps, and in an app besides', async () => {
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

test('close() refuses deliveries, and the app goes on', async () => {
  const webhooks = router();
  const app = express().get('/health', (_req, res) => void res.send('ok'));
  const listener = webhooks.inFrontOf(app, { path: PATH });
  await webhooks.close();
  const refused = await request(listener).post(PATH).set(SIGNED.headers).send(SIGNED.body);
  expect(refused).toMatchObject({ status: 503, body: { error: { code: 'ERR_CLOSING' } } });
  expect(refused.headers['retry-after']).toBe('5');
  expect(await request(listener).get('/health')).toMatchObject({ status: 200, text: 'ok' });
});

describe('what is wrong is said at once', () => {
  const app = express();

  test.each<[string, unknown, unknown, RegExp]>([
    ['no app', undefined, { path: PATH }, /^inFrontOf\(\) needs your app: a function/],
    ['null for an app', null, { path: PATH }, /^inFrontOf\(\) needs your app/],
    ['an object for an app', {}, { path: PATH }, /^inFrontOf\(\) needs your app/],
    ['the path first', PATH, app, /^inFrontOf\(\) needs your app/],
    ['no options', app, undefined, /^`inFrontOf\(\) options` cannot be undefined\./],
    ['null for options', app, null, /^`inFrontOf\(\) options` cannot be null\./],
    ['the path for options', app, PATH, /^`inFrontOf\(\) options` cannot be \/webhooks\/cakemail\./],
    ['a misspelt option', app, { paths: PATH }, /^There is no option `.*paths`\. Did you mean `path`\?/],
    ['an option too many', app, { path: PATH, methods: ['POST'] }, /^There is no option `.*methods`\./],
  ])('%s', (_what, given, options, message) => {
    const wrong = (): unknown => router().inFrontOf(given as NodeListener, options as InFrontOptions);
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow(message);
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }));
  });

  test.each<[string, unknown]>([
    ['none', undefined],
    ['null', null],
    ['empty', ''],
    ['a number', 3000],
    ['a list', [PATH]],
    ['a RegExp', /webhooks/],
    ['without its slash', 'webhooks/cakemail'],
    ['an address', 'http://localhost/webhooks/cakemail'],
    ['with a query', '/webhooks/cakemail?a=b'],
    ['with an empty query', '/webhooks/cakemail?'],
    ['with a fragment', '/webhooks/cakemail#a'],
    ['with a space', '/webhooks/cake mail'],
    ['with a line break', '/webhooks/cakemail\n'],
    ['a pattern of one parameter', '/:id'],
    ['a pattern with a parameter in the middle', '/webhooks/:account/cakemail'],
    ['a pattern with a parameter at the end', '/webhooks/:id'],
    ['a pattern with a wildcard', '/webhooks*'],
    ['a pattern that is a wildcard', '*'],
    ['a pattern with a named wildcard', '/webhooks/*rest'],
    ['a pattern with an optional part of Express 5', '/webhooks{/cakemail}'],
    ['a pattern with an optional part of Express 4', '/webhooks/cakemail/?'],
    ['a pattern with a group', '/webhooks/(cakemail|others)'],
  ])('a path that is %s', (_what, path) => {
    const wrong = (): unknown => router().inFrontOf(app, { path } as InFrontOptions);
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow("`path` must be a plain path such as '/webhooks/cakemail', without patterns or a query.");
  });
});

describe("with errors: 'next'", () => {
  const said = "inFrontOf(): no middleware follows, so `errors: 'next'` has no effect.";
  let emitWarning: jest.SpyInstance;
  beforeEach(() => {
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => {
    emitWarning.mockRestore();
  });

  test('the log tells that it has no effect', () => {
    const logger = recordingLogger();
    router({ errors: 'next', logger }).inFrontOf(express(), { path: PATH });
    expect(logger.lines).toEqual([{ level: 'warn', fields: { code: 'WARN_ERRORS_NEXT' }, message: said }]);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('the process warns, once, where there is no logger', () => {
    const webhooks = createWebhookRouter({ secret: SECRET, errors: 'next' });
    webhooks.inFrontOf(express(), { path: '/a' });
    webhooks.inFrontOf(express(), { path: '/b' });
    expect(emitWarning.mock.calls).toEqual([[said, { type: 'CakemailWebhooksWarning', code: 'WARN_ERRORS_NEXT' }]]);
  });

  test("nothing is said with errors: 'respond'", () => {
    const logger = recordingLogger();
    router({ logger }).inFrontOf(express(), { path: PATH });
    createWebhookRouter({ secret: SECRET }).inFrontOf(express(), { path: PATH });
    expect(logger.lines).toEqual([]);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('the router answers, and the app hears of nothing', async () => {
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

describe('requests that become something else', () => {
  const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket' };
  const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';

  test.each(['/socket', PATH])('an upgrade at %s is the server’s', async (path) => {
    const app = jest.fn();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }), (server) =>
      server.on('upgrade', (_req, socket) => socket.end(SWITCHED)),
    );
    expect(await dial(port, head(UPGRADE, 'GET', path)).answer).toBe(SWITCHED);
    expect(app).not.toHaveBeenCalled();
  });

  test('an upgrade that the server does not know is an ordinary request', async () => {
    const app: NodeListener = (_req, res) => void res.writeHead(426).end();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }));
    expect(statusOf(await dial(port, head(UPGRADE, 'GET', '/socket')).answer)).toBe(426);
    const offered = head({ ...SIGNED.headers, ...UPGRADE, 'content-length': SIGNED.body.length }) + SIGNED.body;
    expect(await dial(port, offered).answer).toContain('{"status":"unhandled"}');
  });

  test('CONNECT is the server’s', async () => {
    const app = jest.fn();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }), (server) =>
      server.on('connect', (_req, socket) => socket.end('HTTP/1.1 200 Connected\r\n\r\n')),
    );
    expect(statusOf(await dial(port, head({}, 'CONNECT', 'localhost:443')).answer)).toBe(200);
    expect(app).not.toHaveBeenCalled();
  });

  test('OPTIONS * is the app’s', async () => {
    const app: NodeListener = (req, res) => void res.writeHead(204, { 'x-url': req.url }).end();
    const { port } = await listen(router().inFrontOf(app, { path: PATH }));
    expect(await dial(port, head({}, 'OPTIONS', '*')).answer).toMatch(/^x-url: \*/im);
  });
});
