import { execFile } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import request from 'supertest';
import { EVENT_NAMES, type EventName } from '../src/index.js';
import { sampleEvent, sign, signedRequest } from '../src/testing/index.js';
import { createApp, PATH, SECRET, type TestApp } from './helpers/harness.js';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** Serves an app; gives the address of its webhooks. */
async function serve({ app }: TestApp): Promise<string> {
  const server = app.listen(0, '127.0.0.1');
  cleanUps.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
}

/** The vendor's algorithm by other means: WebCrypto, and base64 by `btoa`. */
async function vendorSignature(body: Uint8Array, key: Uint8Array): Promise<string> {
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await webcrypto.subtle.importKey('raw', key, hmac, false, ['sign']);
  const digest = new Uint8Array(await webcrypto.subtle.sign(hmac, imported, body));
  return btoa(String.fromCharCode(...digest));
}

describe('sign', () => {
  test('is base64 of HMAC-SHA256: the test case 2 of RFC 4231', () => {
    const digest = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    expect(sign('what do ya want for nothing?', 'Jefe')).toBe(Buffer.from(digest, 'hex').toString('base64'));
  });

  test.each([
    ['an event', JSON.stringify(sampleEvent('User.LoggedIn'))],
    ['nothing', ''],
    ['text of several languages', 'é, 日本語, 🎂, \u2028, \\/ and \r\n'],
    ['bytes that are not text', Buffer.from([0, 255, 254, 0x80])],
  ])('signs %s as the vendor does', async (_what, body) => {
    const key = Buffer.from('clé-🔑', 'utf8');
    const expected = await vendorSignature(Buffer.from(body as string), key);
    expect(sign(body, 'clé-🔑')).toBe(expected);
    expect(sign(new Uint8Array(Buffer.from(body as string)), new Uint8Array(key))).toBe(expected);
  });
});

describe('sampleEvent', () => {
  test.each(EVENT_NAMES)('%s is accepted as known, and deviates from nothing published', async (name) => {
    const { webhooks, deliver } = createApp();
    const [handler, drift] = [jest.fn(), jest.fn()];
    webhooks.on(name, handler);
    webhooks.lifecycle.on('drift', drift);
    expect((await deliver(sampleEvent(name))).body).toEqual({ status: 'handled' });
    const occurredAt = new Date('2021-07-23T19:41:55.000Z');
    expect(handler).toHaveBeenCalledWith(sampleEvent(name), expect.objectContaining({ known: true, occurredAt }));
    expect(drift).not.toHaveBeenCalled();
  });

  test('there is one for each of the 59 names', () => {
    expect(new Set(EVENT_NAMES.map((name) => sampleEvent(name).event)).size).toBe(59);
  });

  test("of User.LoggedIn is the vendor's own", () => {
    expect(sampleEvent('User.LoggedIn')).toEqual({
      event: 'User.LoggedIn',
      account_id: 1234567,
      ip: '203.0.113.7',
      user: { id: null, email: null, account_id: null },
      created_on: 1627069315,
      data: { email: 'johndoe1@example.com', grant_type: 'password', scopes: 'user' },
    });
  });

  test('of another event marks its data as invented, and claims nothing', () => {
    for (const name of EVENT_NAMES.filter((each) => each !== 'User.LoggedIn')) {
      expect(sampleEvent(name).data).toEqual({ _invented: expect.stringContaining('not published') });
    }
  });

  test('takes what is put in place of its members, and more', () => {
    const sample = sampleEvent('Email.Bounced', { account_id: 7, data: { email: 'a@example.com' }, extra: true });
    expect(sample).toMatchObject({ event: 'Email.Bounced', account_id: 7, extra: true, ip: '203.0.113.7' });
    expect(sample.data).toEqual({ email: 'a@example.com' });
  });

  test('is a new object every time, down to its leaves', () => {
    const [data, first] = [{ deep: { er: 1 } }, sampleEvent('User.LoggedIn')];
    const own = sampleEvent('Email.Sent', { data });
    first.data.email = 'changed';
    Object.assign(first.user ?? {}, { id: 1 });
    data.deep.er = 2;
    expect(sampleEvent('User.LoggedIn')).toMatchObject({ data: { email: 'johndoe1@example.com' }, user: { id: null } });
    expect(own.data).toEqual({ deep: { er: 1 } });
  });
});

describe('signedRequest', () => {
  test('is a POST of the body, as text and as bytes, with its type and signature', async () => {
    const signed = signedRequest({ event: 'Email.Sent', name: 'é' }, { secret: SECRET });
    const body = '{"event":"Email.Sent","name":"é"}';
    expect(signed).toMatchObject({ method: 'POST', body, rawBody: Buffer.from(body, 'utf8') });
    expect(signed.headers).toEqual({
      'content-type': 'application/json',
      'x-signature': await vendorSignature(Buffer.from(body), Buffer.from(SECRET)),
    });
  });

  test('leaves text as it is', () => {
    expect(signedRequest(' { "event" : 1 }\n', { secret: SECRET }).body).toBe(' { "event" : 1 }\n');
  });

  test('takes a key of bytes and another header', () => {
    const { headers, body } = signedRequest(
      {},
      { secret: Buffer.from(SECRET), signatureHeader: 'x-cakemail-signature' },
    );
    expect(headers).toEqual({ 'content-type': 'application/json', 'x-cakemail-signature': sign(body, SECRET) });
  });
});

describe('a signed request is accepted', () => {
  const payload = sampleEvent('User.LoggedIn', { note: "it's 'quoted', $HOME `id` \\ \"é\"\n" });
  const signed = signedRequest(payload, { secret: SECRET });

  test('through supertest', async () => {
    const { app } = createApp();
    await request(app).post(PATH).set(signed.headers).send(signed.body).expect(200);
  });

  test('through fetch, on a real server', async () => {
    const response = await fetch(await serve(createApp()), signed);
    expect([response.status, await response.json()]).toEqual([200, { status: 'unhandled' }]);
  });

  test('without HTTP', async () => {
    const { webhooks } = createApp();
    expect(await webhooks.receive(signed)).toMatchObject({ kind: 'unhandled', status: 200 });
  });
});

describe('the curl command', () => {
  /** Runs a command in a POSIX shell, with no proxy on the way. */
  async function shell(command: string): Promise<string> {
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: { PATH: process.env.PATH } });
    return stdout;
  }

  test.each<[string, object | string]>([
    ['an event', sampleEvent('User.LoggedIn')],
    ['a body with single quotes', sampleEvent('User.LoggedIn', { note: "it's 'quoted', it''s" })],
    ['what a shell would expand', sampleEvent('User.LoggedIn', { note: '$HOME `id` $(id) \\n ! * ~ "é"' })],
    ['a body of several lines', JSON.stringify(sampleEvent('User.LoggedIn'), null, 2)],
  ])('sends %s byte for byte', async (_what, payload) => {
    const target = createApp();
    const handler = jest.fn();
    target.webhooks.on('User.LoggedIn', handler);
    const signed = signedRequest(payload, { secret: SECRET });

    const answer = await shell(signed.curl(await serve(target)));

    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('{"status":"handled"}');
    expect(handler).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ rawBody: signed.rawBody }));
  });

  test('sends a body that starts with @ as it is, and no file', async () => {
    const signed = signedRequest('@package.json', { secret: SECRET });
    expect(await shell(signed.curl(await serve(createApp())))).toContain('ERR_PAYLOAD');
  });

  test('takes an address with a query and quotes', async () => {
    const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
    const url = `${await serve(createApp())}?a=1&b='2'&c=$HOME`;
    expect(await shell(signed.curl(url))).toMatch(/^HTTP\/1\.1 200 /);
  });
});

test('a future event can be sampled too', () => {
  expect(sampleEvent('Email.Deferred' as EventName).event).toBe('Email.Deferred');
});
