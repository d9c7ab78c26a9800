import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { CakemailApi, type CakemailApiError } from '../../../src/api/index.js';
import { client, reasonOf, startFake, stopFake } from '../../helpers/api-client.js';
import { type FakeCakemail, TOKEN } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const show = (options: Parameters<typeof client>[0] = {}) => client({ attempts: 1, ...options }).webhooks.show('wh-1');
const failed = async (promise: Promise<unknown>): Promise<CakemailApiError> =>
  (await reasonOf(promise)) as CakemailApiError;
/** All that a person or a log gets to see of it. */
const whole = (error: Error): string => inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);

describe('no secret is seen', () => {
  test.each([
    ['a broken chunk', 'Transfer-Encoding: chunked\r\n\r\nZZ{"signature":{"key":"SUPERKEY"}}\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{"signature":{"key":"SUPERKEY"}}'],
    ['an end before the end', 'Content-Length: 500\r\n\r\n{"signature":{"key":"SUPERKEY"}}'],
  ])('of an answer with %s', async (_name, answer) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${answer}`));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failed(show({ baseUrl }));
    expect(error.code).toBe('ERR_API_UNAVAILABLE');
    expect(error.cause).toMatchObject({ message: expect.any(String), code: expect.stringMatching(/^[A-Z_]+$/) });
    for (const secret of ['SUPERKEY', TOKEN]) expect(whole(error)).not.toContain(secret);
    server.close();
  });

  test.each(['AA\nSECRETTOKEN', 'SECRETTOKÉN', 'SECRET TOKEN'])(
    'of a token that no header can carry: %j',
    async (access_token) => {
      const answer = { access_token, refresh_token: 'b' };
      fake.fail(
        /token/,
        () => ({ status: 200, answer }),
        () => ({ status: 200, answer }),
      );
      const error = await failed(show({ username: 'me', password: 'hunter2', attempts: 5 }));
      expect([error.code, error.operation, fake.calls]).toEqual(['ERR_API_RESPONSE', 'POST /token', ['POST /token']]);
      expect(whole(error)).not.toContain('SECRET');
    },
  );

  test('of a password that is answered in another form', async () => {
    const password = `hun"ter/2&é 'x`;
    fake.fail(/token/, ({ body }) => ({
      status: 400,
      answer: { detail: [{ msg: `form: ${body}` }, { msg: `body: ${JSON.stringify({ password })}` }] },
    }));
    const error = await failed(show({ username: 'me', password }));
    expect(error.details).toEqual(['form: grant_type=password&username=me&password=…', 'body: {"password":"…"}']);
    expect(whole(error)).not.toContain('hun');
  });

  test('of the session in the refusal of another call', async () => {
    const tokens = { access_token: 'ACCESS-1', refresh_token: 'REFRESH-1' };
    fake.fail(/token/, () => ({ status: 200, answer: tokens }));
    fake.fail(/GET/, ({ authorization }) => ({
      status: 403,
      answer: { detail: `${authorization} of hunter2, to be renewed with REFRESH-1 (REFRESH%2D1)` },
    }));
    const error = await failed(show({ username: 'me', password: 'hunter2' }));
    expect(error.details).toEqual(['Bearer … of …, to be renewed with … (…)']);
    for (const secret of ['hunter2', 'ACCESS-1', 'REFRESH']) expect(whole(error)).not.toContain(secret);
  });
});

test.each<[unknown, readonly string[]]>([
  ['Not enough rights', ['Not enough rights']],
  [
    [{ loc: ['a', 1], msg: 'good' }, { loc: null, msg: 'odd' }, null, { msg: 3 }, 'text'],
    ['a.1: good', 'odd', 'text'],
  ],
  [[{ loc: ['a', null], msg: 'x' }], ['a: x']],
  [{ nothing: 'of that' }, []],
  [undefined, []],
])('of %j the lines are read as far as they can be', async (detail, details) => {
  fake.fail(/GET/, () => ({ status: 403, answer: { detail } }));
  expect((await failed(show())).details).toEqual(details);
});

test('what the API says cannot steer a terminal', async () => {
  const msg = '\u001b[2J\u009b31m gone\r\nDone: ok\u202e\u2028\ud800.';
  fake.fail(/GET/, () => ({ status: 400, answer: { detail: [{ msg }] } }));
  expect((await failed(show())).details).toEqual(['?[2J?31m gone??Done: ok???.']);
});

test('shortens a long response in the message', async () => {
  const detail = Array.from({ length: 500 }, () => ({ msg: 'x'.repeat(10_000) }));
  fake.fail(/GET/, () => ({ status: 400, answer: { detail } }));
  const error = await failed(show());
  expect([error.details.length, error.details[0]]).toEqual([10, `${'x'.repeat(300)}…`]);
  expect(error.message.length).toBeLessThan(4_000);
});

test('stops reading an endless response', async () => {
  const big = 'x'.repeat(11 * 1024 * 1024);
  fake.fail(
    /GET/,
    () => ({ status: 200, answer: big }),
    () => ({ status: 400, answer: big }),
  );
  const error = await failed(show({ timeoutMs: 20_000 }));
  expect([error.code, error.message]).toEqual([
    'ERR_API_RESPONSE',
    'GET /webhooks/wh-1: answered 200 with more than 10485760 bytes',
  ]);
  expect(await failed(show({ timeoutMs: 20_000 }))).toMatchObject({ code: 'ERR_API_REFUSED', details: [] });
});

test.each([
  ['http://localhost//evil.example', 'http://localhost//evil.example/webhooks/a%2F..%2Fb'],
  ['https://api.example.com/v1/', 'https://api.example.com/v1/webhooks/a%2F..%2Fb'],
])('with the base %s the token stays at its host', async (baseUrl, asked) => {
  const fetched = jest.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'));
  await reasonOf(new CakemailApi({ token: TOKEN, baseUrl, attempts: 1 }).webhooks.show('a/../b'));
  expect(String(fetched.mock.calls[0]?.[0])).toBe(asked);
  fetched.mockRestore();
});

test('reports a redirect and does not follow it', async () => {
  const server = createTcpServer((socket) => {
    socket.once('data', () =>
      socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const error = await failed(show({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
  expect(error.message).toBe('GET /webhooks/wh-1: no answer: unexpected redirect');
  server.close();
});

describe('404', () => {
  test('says which webhook was not found', async () => {
    fake.fail(/GET/, () => ({ status: 404, answer: {} }));
    expect((await failed(show())).message).toBe(
      'GET /webhooks/wh-1: answered 404; the webhook wh-1 does not exist, or belongs to another account',
    );
    fake.fail(/archive/, () => ({ status: 404, answer: { detail: 'Not Found' } }));
    expect((await failed(client().webhooks.archive('a/b\n'))).message).toBe(
      'POST /webhooks/a%2Fb%0A/archive: answered 404; the webhook a/b? does not exist, or belongs to another account; Not Found',
    );
  });

  test('for the list says which address the server does not know', async () => {
    fake.fail(/GET/, () => ({ status: 404, answer: {} }));
    const listed = client({ baseUrl: `${fake.baseUrl}/v2` }).webhooks.list();
    expect((await failed(listed.next())).message).toBe(
      `GET /webhooks: answered 404; the server does not know ${fake.baseUrl}/v2/webhooks; check \`baseUrl\``,
    );
  });
});

test('every call names the package and its version', async () => {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8'));
  fake.add('Email.Sent', 'https://example.com/');
  await show({ username: 'user@example.com', password: 'hunter2-the-password' });
  expect(fake.agents).toEqual([`cakemail-webhooks/${version}`, `cakemail-webhooks/${version}`]);
});
