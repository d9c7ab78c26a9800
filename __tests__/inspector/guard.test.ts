import { networkInterfaces } from 'node:os';
import express from 'express';
import { type Inspected, inspectedApp } from '../helpers/inspected.js';

let app: Inspected | undefined;
afterEach(async () => {
  await app?.stop();
  app = undefined;
});

/** An address of this machine that others use, if it has one. */
const OUTER = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

describe('42. without `authorize`', () => {
  beforeEach(async () => {
    app = await inspectedApp();
  });

  test.each(['localhost', 'LOCALHOST:80', '127.0.0.1', '127.1.2.3:3000', '[::1]:3000'])(
    'this machine by its own name may look: %s',
    async (host) => {
      expect(await app?.ask('api/settings', { headers: { host } })).toMatchObject({ status: 200 });
    },
  );

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    '10.0.0.1',
    '0.0.0.0',
    'localhost:x',
  ])('a name that leads here is refused: %p', async (host) => {
    for (const path of ['', 'page.js', 'api/settings', 'api/stream']) {
      expect(await app?.ask(path, { headers: { host } })).toMatchObject({ status: 403 });
    }
  });
});

test.each([
  ['x-forwarded-for', '203.0.113.9'],
  ['x-forwarded-host', 'shop.example'],
  ['x-forwarded-proto', 'https'],
  ['x-forwarded-server', 'edge'],
  ['x-real-ip', '203.0.113.9'],
  ['cf-connecting-ip', '203.0.113.9'],
  ['forwarded', 'for=203.0.113.9'],
  ['via', '1.1 tunnel'],
])('42. what a tunnel passes on under a rewritten name is not of this machine: %s', async (name, value) => {
  const headers = { host: 'localhost:3000', [name]: value };
  app = await inspectedApp();
  expect(await app.ask('api/settings', { headers })).toMatchObject({ status: 403 });
  await app.stop();
  app = await inspectedApp({}, { panel: { authorize: () => true } });
  expect(await app.ask('api/settings', { headers })).toMatchObject({ status: 200, json: { canSign: false } });
});

const foreign = OUTER === undefined ? test.skip : test;
foreign('42. another machine is refused, under whatever name', async () => {
  app = await inspectedApp({}, { host: OUTER as string });
  for (const host of ['localhost', '127.0.0.1', OUTER as string]) {
    expect(await app.ask('api/settings', { headers: { host } })).toMatchObject({ status: 403 });
  }
});

describe.each([
  ['without `authorize`', {}],
  ['with it', { authorize: () => true }],
])('42. pages of other sites, %s', (_name, panel) => {
  beforeEach(async () => {
    app = await inspectedApp({}, { panel });
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
  ])('their origin is refused: %s', async (origin) => {
    expect(await app?.ask('api/settings', { headers: { host, origin } })).toMatchObject({ status: 403 });
    expect(await app?.ask('api/send', { json: { body: '{}' }, headers: { host, origin } })).toMatchObject({
      status: 403,
    });
  });

  test('the own origin is not', async () => {
    const headers = { host, origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' };
    expect(await app?.ask('api/settings', { headers })).toMatchObject({ status: 200 });
  });

  test.each(['cross-site', 'same-site'])('a script or a frame %s is refused, a link is followed', async (site) => {
    const frame = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
    const script = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' };
    const link = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(await app?.ask('', { headers: { host, ...frame } })).toMatchObject({ status: 403 });
    expect(await app?.ask('page.js', { headers: { host, ...script } })).toMatchObject({ status: 403 });
    expect(await app?.ask('', { headers: { host, ...link } })).toMatchObject({ status: 200 });
    const form = { ...link, 'content-type': 'text/plain' };
    expect(await app?.ask('api/send', { json: {}, headers: { host, ...form } })).toMatchObject({ status: 403 });
  });

  test('what a form can send is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      const headers = { host, 'content-type': type };
      expect(await app?.ask('api/send', { json: { body: '{}' }, headers })).toMatchObject({ status: 403 });
    }
  });

  test('nothing is said of CORS, and nothing may be loaded from elsewhere or framed', async () => {
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
  test('whoever it lets in may look, from anywhere; what it throws or rejects with means no', async () => {
    const authorize = ({ headers }: { headers: Record<string, unknown> }) => {
      if (headers['x-who'] === 'thrower') throw new Error('who?');
      return headers['x-who'] === 'rejecter' ? Promise.reject(new Error('who?')) : headers['x-who'] === 'ada';
    };
    app = await inspectedApp({}, { panel: { authorize } });
    const as = (who: string) => app?.ask('api/settings', { headers: { host: 'ops.example.com', 'x-who': who } });
    expect(await as('ada')).toMatchObject({ status: 200, json: { canSign: false } });
    for (const who of ['thrower', 'rejecter', 'bob', '']) expect(await as(who)).toMatchObject({ status: 403 });
  });

  test('a changed body is signed on this machine only', async () => {
    app = await inspectedApp({}, { panel: { authorize: () => true } });
    const json = { body: '{"event":"User.LoggedIn"}' };
    expect(await app.ask('api/send', { json, headers: { host: 'ops.example.com' } })).toMatchObject({ status: 403 });
    expect(await app.ask('api/send', { json, headers: { host: 'localhost' } })).toMatchObject({ status: 200 });
  });

  test('refuses what is no function', async () => {
    await expect(inspectedApp({}, { panel: { authorize: true as never } })).rejects.toThrow('`authorize`');
    await expect(inspectedApp({}, { panel: { autorize: () => true } as never })).rejects.toThrow('`authorize`');
  });
});

test('works behind the parsers of an app', async () => {
  app = await inspectedApp({}, { before: [express.json(), express.text()] });
  expect(await app.ask('api/send', { json: { body: '{"event":"User.LoggedIn"}' } })).toMatchObject({ status: 200 });
});

test('an address with two slashes leads to no other host', async () => {
  const bare = express();
  app = await inspectedApp();
  const { panel } = app;
  bare.use((req, res) => panel(Object.assign(req, { originalUrl: '//evil.example', url: '/' }), res));
  const { default: supertest } = await import('supertest');
  const { headers } = await supertest(bare).get('/').set('host', 'localhost');
  expect(headers['location']).toBe('./evil.example/');
});
