import crypto from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import express from 'express';
import { type InspectedApp, startInspectedApp } from '../../helpers/harness.js';

let app: InspectedApp | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

/** An address of this machine that other machines can reach, if it has one. */
const OUTER = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

const ALL = ['', 'page.js', 'style.css', 'api/settings', 'api/stream', 'api/deliveries/1', 'api/deliveries/1/body'];

describe('42. the token', () => {
  const open = (path = '/_webhooks/?token=', headers: Record<string, string> = {}) =>
    fetch(`${app?.base}${path}`, { redirect: 'manual', headers });

  test.each([
    ['localhost', 'default'],
    ['localhost:4040', '4040'],
    ['[::1]:4040', '4040'],
  ])(
    'is exchanged for a cookie of this host and path only, and leaves the address, with Host %s',
    async (host, port) => {
      app = await startInspectedApp();
      const { url } = app.panel;
      expect(url).toMatch(/^\/_webhooks\/\?token=[\w-]{43}$/);
      const answer = await app.ask(url.slice('/_webhooks/'.length), { headers: { host, cookie: '' } });
      expect(answer).toMatchObject({
        status: 303,
        headers: { location: './', 'cache-control': 'no-store, no-transform' },
      });
      const [cookie = '', ...others] = answer.headers['set-cookie'] ?? [];
      expect(others).toEqual([]);
      const [pair = '', ...attributes] = cookie.split('; ');
      expect(attributes).toEqual(['Path=/_webhooks', 'HttpOnly', 'SameSite=Strict']);
      expect(pair).toMatch(new RegExp(`^cakemail-webhooks-${port}=[\\w-]{43}$`));
      const token = url.slice(url.indexOf('=') + 1);
      expect(JSON.stringify(answer)).not.toContain(token);
      for (const path of ALL) {
        const refused = { host, cookie: `${pair.slice(0, -1)}${pair.endsWith('A') ? 'B' : 'A'}` };
        expect(await app.ask(path, { headers: refused })).toMatchObject({ status: 403 });
      }
      expect(await app.ask('api/settings', { headers: { host, cookie: `a=b; ${pair}; c=d` } })).toMatchObject({
        status: 200,
        json: { canSign: true },
      });
    },
  );

  test('opens the page without the final slash too, and at any mount path', async () => {
    app = await startInspectedApp();
    const query = app.panel.url.slice('/_webhooks/'.length);
    const answer = await open(`/_webhooks${query}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, './_webhooks/']);
    expect(answer.headers.get('set-cookie')).toContain('; Path=/_webhooks;');
    const { default: supertest } = await import('supertest');
    const root = await supertest(app.panel).get(`/${query}`).set('host', 'localhost');
    expect(root.headers).toMatchObject({ location: './', 'set-cookie': [expect.stringContaining('; Path=/;')] });
    const nested = express().use('/ops/hooks', app.panel);
    const below = await supertest(nested).get(`/ops/hooks/${query}`).set('host', 'localhost');
    expect(below.headers['set-cookie']).toEqual([expect.stringContaining('; Path=/ops/hooks;')]);
  });

  test('gets a Secure cookie when the request came over TLS', async () => {
    app = await startInspectedApp();
    const trusting = express().set('trust proxy', true).use('/_webhooks', app.panel);
    const { default: supertest } = await import('supertest');
    const cookieFor = async (outer: express.Express) => {
      const asked = supertest(outer).get(`${app?.panel.url}`).set({ host: 'localhost', 'x-forwarded-proto': 'https' });
      return `${(await asked).headers['set-cookie']}`;
    };
    expect(await cookieFor(trusting)).toMatch(/; Secure$/);
    // An app that trusts no proxy ignores the header.
    expect(await cookieFor(express().use('/_webhooks', app.panel))).toMatch(/; SameSite=Strict$/);
  });

  test('is required for each request, and nothing else about a request admits it', async () => {
    app = await startInspectedApp();
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    await app.deliver('User.LoggedIn');
    const token = app.panel.url.slice(app.panel.url.indexOf('=') + 1);
    const tries = ['', 'cakemail-webhooks-default=', `cakemail-webhooks-default=${token}`, `token=${token}`];
    for (const cookie of tries) {
      const headers = { host: 'localhost', cookie, authorization: `Bearer ${token}` };
      for (const path of [...ALL, '?token', '?token=', `?token=${token.slice(1)}`, `page.js?token=${token}`, 'x']) {
        const answer = await app.ask(path, { headers });
        expect(answer).toMatchObject({ status: 403, headers: { 'content-type': 'text/plain; charset=utf-8' } });
        expect(answer.headers).not.toHaveProperty('set-cookie');
        expect(answer.body).toContain('opens with the URL that its program printed when it started');
        expect(answer.body).not.toContain(token);
        // The response names neither the host and port nor the mount path.
        expect(answer.body).not.toMatch(/localhost|\d|_webhooks/);
      }
      for (const path of ['api/send', 'api/deliveries/1/replay', 'api/inbox/replay', '', `?token=${token}`]) {
        const json = { body: '{"event":"User.LoggedIn"}', token };
        expect(await app.ask(path, { json, headers })).toMatchObject({ status: 403 });
      }
    }
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('of one inspector does not open another one, and their cookies have different names on different ports', async () => {
    app = await startInspectedApp();
    const other = await startInspectedApp();
    const names = await Promise.all(
      [app, other].map(async ({ base, panel }) => {
        const { headers } = await fetch(`${base}${panel.url}`, { redirect: 'manual' });
        return headers.get('set-cookie')?.split('=')[0];
      }),
    );
    expect(new Set(names)).toHaveProperty('size', 2);
    expect((await fetch(`${other.base}${app.panel.url}`)).status).toBe(403);
    await other.stop();
  });

  test('is compared in constant time, by digests of equal length', async () => {
    app = await startInspectedApp();
    const compare = jest.spyOn(crypto, 'timingSafeEqual');
    for (const text of ['', 'x', 'x'.repeat(5_000)]) await open(`/_webhooks/?token=${text}`);
    await open('/_webhooks/api/settings', { cookie: `cakemail-webhooks-${new URL(app.base).port}=x` });
    expect(compare.mock.calls.map(([a, b]) => [a.byteLength, b.byteLength])).toEqual(Array(4).fill([32, 32]));
    compare.mockRestore();
  });

  test('can be set, and then opens the page after a restart too', async () => {
    const token = 'chosen/by+the=owner&of?this#app%20!';
    app = await startInspectedApp({}, { panel: { token, path: '/_webhooks/' } });
    expect(app.panel.url).toBe(`/_webhooks/?token=${encodeURIComponent(token)}`);
    const { headers } = await open(app.panel.url);
    const cookie = `${headers.get('set-cookie')?.split(';')[0]}`;
    expect(cookie).not.toContain(token);
    const { port } = new URL(app.base);
    await app.stop();
    app = await startInspectedApp({}, { panel: { token } });
    const again = cookie.replace(port, new URL(app.base).port);
    expect((await open('/_webhooks/api/settings', { cookie: again })).status).toBe(200);
  });

  test.each<[string, unknown]>([
    ['empty', ''],
    ['too short', 'x'.repeat(31)],
    ['too long', 'x'.repeat(513)],
    ['followed by a space', `${'x'.repeat(32)} `],
    ['not ASCII', 'é'.repeat(32)],
    ['not text', 3],
    ['null', null],
  ])('is refused when it is %s, and the error does not repeat it', async (_name, token) => {
    const error = await startInspectedApp({}, { panel: { token: token as string } }).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('`token`') });
    if (typeof token === 'string' && token !== '') expect(`${(error as Error).stack}`).not.toContain(token);
  });

  test('42. reaches no log, no error, no entry and no history', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inspector-'));
    const historyFile = join(folder, 'history');
    const logged: unknown[] = [];
    const log = (...args: unknown[]) => void logged.push(...args);
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      jest.spyOn(console, name).mockImplementation(log),
    );
    spies.push(jest.spyOn(process, 'emitWarning').mockImplementation(log) as never);
    const logger = { debug: log, info: log, warn: log, error: log };
    app = await startInspectedApp({ logger }, { panel: { historyFile } });
    const { url } = app.panel;
    const given = await open(url);
    const cookie = `${given.headers.get('set-cookie')?.split(';')[0]}`;
    const secrets = [url.slice(url.indexOf('=') + 1), cookie.slice(cookie.indexOf('=') + 1)];
    app.webhooks.on('User.LoggedIn', () => {
      throw new Error('the list is full');
    });
    await app.post('{}', { cookie, 'x-signature': 'x' });
    await app.deliver('User.LoggedIn');
    const shown = [];
    for (const path of ['', `?token=${secrets[0]}x`, ...ALL.filter((each) => !each.includes('stream')), 'api/none']) {
      const { body, headers } = await app.ask(path);
      shown.push(body, headers);
    }
    shown.push(await app.listed(), inspect(app.panel, { depth: 9 }), { ...app.panel }, Object.entries(app.panel));
    app.panel.close();
    const file = readFileSync(historyFile, 'latin1');
    expect(file).toContain('the list is full');
    const all = inspect([shown, logged], { depth: 9, maxStringLength: null }) + file;
    expect(logged.length).toBeGreaterThan(0);
    for (const secret of secrets) {
      expect(secret).toHaveLength(43);
      expect(all).not.toContain(secret);
    }
    for (const spy of spies) spy.mockRestore();
    rmSync(folder, { recursive: true });
  });
});

describe.each([
  ['with the token', {}],
  ['with `authorize`', { authorize: () => true }],
])('42. DNS rebinding, %s', (_name, panel) => {
  test.each(['localhost', 'LOCALHOST:80', '127.0.0.1', '127.1.2.3:3000', '[::1]:3000'])(
    'a request to a name of this machine is answered: %s',
    async (host) => {
      app = await startInspectedApp({}, { panel });
      expect(await app.ask('api/settings', { headers: { host } })).toMatchObject({ status: 200 });
    },
  );

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    'ops.example.com.evil.example',
    '10.0.0.1',
    '0.0.0.0',
    'localhost:x',
  ])('a request to another name is refused: %p', async (host) => {
    app = await startInspectedApp({}, { panel: { ...panel, hosts: ['ops.example.com'] } });
    for (const path of ['', 'page.js', 'api/settings', 'api/stream', app.panel.url.slice('/_webhooks/'.length)]) {
      const answer = await app.ask(path, { headers: { host } });
      expect(answer).toMatchObject({ status: 403, body: expect.stringContaining('host name') });
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
  });

  test.each(['ops.example.com', 'OPS.example.com:8443', '10.0.0.1:3000', '[fd00::1]'])(
    'a request to a name in `hosts` is answered: %s',
    async (host) => {
      app = await startInspectedApp(
        {},
        { panel: { ...panel, hosts: ['Ops.Example.com', '10.0.0.1:3000', '[fd00::1]'] } },
      );
      expect(await app.ask('api/settings', { headers: { host } })).toMatchObject({ status: 200 });
      expect(await app.ask('api/settings', { headers: { host: '10.0.0.1:3001' } })).toMatchObject({ status: 403 });
    },
  );
});

test.each<[string, unknown]>([
  ['a text instead of a list', 'ops.example.com'],
  ['a URL', ['https://ops.example.com']],
  ['an empty name', ['']],
  ['a number', [3]],
])('`hosts` that hold %s are refused', async (_name, hosts) => {
  await expect(startInspectedApp({}, { panel: { hosts: hosts as never } })).rejects.toThrow('`hosts`');
});

const foreign = OUTER === undefined ? test.skip : test;
foreign('42. another machine needs the token too, and a host name in `hosts`', async () => {
  app = await startInspectedApp({}, { host: OUTER as string });
  expect(await app.ask('api/settings')).toMatchObject({ status: 403, body: expect.stringContaining('host name') });
  await app.stop();
  app = await startInspectedApp({}, { host: OUTER as string, panel: { hosts: [OUTER as string] } });
  expect(await app.ask('api/settings')).toMatchObject({ status: 200 });
  expect(await app.ask('api/settings', { headers: { cookie: '' } })).toMatchObject({ status: 403 });
});

describe.each([
  ['with the token', {}],
  ['with `authorize`', { authorize: () => true }],
])('42. pages of other sites, %s', (_name, panel) => {
  beforeEach(async () => {
    app = await startInspectedApp({}, { panel });
  });
  const host = 'localhost:3000';

  test.each([
    'http://evil.example',
    'null',
    'http://localhost:5173',
    'http://localhost',
    'http://localhost:3000.evil.example',
    'http://user@localhost:3000',
    'file://',
  ])('a request with their origin is refused: %s', async (origin) => {
    expect(await app?.ask('api/settings', { headers: { host, origin } })).toMatchObject({ status: 403 });
    expect(await app?.ask('api/send', { json: { body: '{}' }, headers: { host, origin } })).toMatchObject({
      status: 403,
    });
  });

  test('a request with the own origin is answered', async () => {
    const headers = { host, origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' };
    expect(await app?.ask('api/settings', { headers })).toMatchObject({ status: 200 });
  });

  test.each(['cross-site', 'same-site'])(
    'a script or a frame that is %s is refused, and a link is answered',
    async (site) => {
      const frame = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
      const script = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' };
      const link = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
      expect(await app?.ask('', { headers: { host, ...frame } })).toMatchObject({ status: 403 });
      expect(await app?.ask('page.js', { headers: { host, ...script } })).toMatchObject({ status: 403 });
      expect(await app?.ask('', { headers: { host, ...link } })).toMatchObject({ status: 200 });
      const form = { ...link, 'content-type': 'text/plain' };
      expect(await app?.ask('api/send', { json: {}, headers: { host, ...form } })).toMatchObject({ status: 403 });
    },
  );

  test('a content type that a form can send is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      const headers = { host, 'content-type': type };
      expect(await app?.ask('api/send', { json: { body: '{}' }, headers })).toMatchObject({ status: 403 });
    }
  });

  test('no response has CORS headers, and the page cannot load foreign files or be framed', async () => {
    const asked = { 'access-control-request-method': 'POST', origin: 'http://localhost:3000' };
    const preflight = await app?.ask('api/send', { method: 'OPTIONS', headers: { host, ...asked } });
    const page = await app?.ask('', { headers: { host } });
    for (const answer of [preflight, page]) {
      expect(Object.keys(answer?.headers ?? {}).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect(preflight?.status).toBe(403);
    expect(page?.headers).toMatchObject({
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/,
      ),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store, no-transform',
      'referrer-policy': 'no-referrer',
    });
  });
});

describe('with `authorize`', () => {
  test('a request that it admits needs no token, and an error in it means no', async () => {
    const authorize = ({ headers }: { headers: Record<string, unknown> }) => {
      if (headers['x-who'] === 'thrower') throw new Error('who?');
      return headers['x-who'] === 'rejecter' ? Promise.reject(new Error('who?')) : headers['x-who'] === 'ada';
    };
    app = await startInspectedApp({}, { panel: { authorize, hosts: ['ops.example.com'] } });
    const as = (who: string, cookie = '') =>
      app?.ask('api/settings', { headers: { host: 'ops.example.com', 'x-who': who, cookie } });
    expect(await as('ada')).toMatchObject({ status: 200, json: { canSign: false } });
    for (const who of ['thrower', 'rejecter', 'bob', '']) expect(await as(who)).toMatchObject({ status: 403 });
    expect(await app.ask('api/settings', { headers: { 'x-who': 'bob' } })).toMatchObject({ status: 200 });
  });

  test('a value that is not a function is refused', async () => {
    await expect(startInspectedApp({}, { panel: { authorize: true as never } })).rejects.toThrow('`authorize`');
    await expect(startInspectedApp({}, { panel: { autorize: () => true } as never })).rejects.toThrow('`authorize`');
  });
});

describe('edit and sign', () => {
  const json = { body: '{"event":"User.LoggedIn"}' };
  const env = process.env['NODE_ENV'];
  afterEach(() => {
    process.env['NODE_ENV'] = env;
  });

  test.each([
    ['the token', 'development', undefined, true],
    ['the token', 'production', undefined, false],
    ['the token', 'production', true, true],
    ['the token', 'development', false, false],
    ['`authorize` alone', 'development', undefined, false],
    ['`authorize` alone', 'production', undefined, false],
    ['`authorize` alone', 'production', true, true],
  ])('with %s in %s and `allowSending: %s` is allowed: %s', async (by, environment, allowSending, isOn) => {
    process.env['NODE_ENV'] = environment;
    app = await startInspectedApp({}, { panel: { allowSending, authorize: () => by !== 'the token' } });
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    const headers: Record<string, string> = by === 'the token' ? {} : { cookie: '' };
    expect((await app.ask('api/settings', { headers })).json).toMatchObject({ canSign: isOn });
    expect(await app.ask('api/send', { json, headers })).toMatchObject({ status: isOn ? 200 : 403 });
    expect(handler).toHaveBeenCalledTimes(isOn ? 1 : 0);
  });

  test.each(['true', 1, null])('`allowSending` cannot be %j', async (allowSending) => {
    await expect(startInspectedApp({}, { panel: { allowSending: allowSending as never } })).rejects.toThrow(
      'allowSending',
    );
  });
});

test('the inspector works behind the parsers of an app', async () => {
  app = await startInspectedApp({}, { before: [express.json(), express.text()] });
  expect(await app.ask('api/send', { json: { body: '{"event":"User.LoggedIn"}' } })).toMatchObject({ status: 200 });
});

test('an address with two slashes does not redirect to another host', async () => {
  const bare = express();
  app = await startInspectedApp();
  const { panel } = app;
  bare.use((req, res) => panel(Object.assign(req, { originalUrl: '//evil.example', url: req.url }), res));
  const { default: supertest } = await import('supertest');
  const { headers } = await supertest(bare).get(panel.url.slice('/_webhooks'.length)).set('host', 'localhost');
  expect(headers['location']).toBe('./evil.example/');
  const cookie = headers['set-cookie']?.[0] ?? '';
  const slash = await supertest(bare).get('/').set({ host: 'localhost', cookie });
  expect(slash.headers['location']).toBe('./evil.example/');
});
