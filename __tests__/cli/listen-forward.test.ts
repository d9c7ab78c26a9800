import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { deliver, listen, openApp, type ReceivedRequest, replay, SECRET, shown } from '../helpers/cli-listen.js';
import { killAll } from '../helpers/cli-process.js';
import { freePort } from '../helpers/free-port.js';

const folder = mkdtempSync(join(tmpdir(), 'listen-forward-'));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true }));

test('forwards the exact bytes with the original signature, and prints a line', async () => {
  const app = await openApp();
  const { url, says, interrupt } = await listen(['--forward-to', app.url]);
  const body = '{ "event":"User.LoggedIn",\r\n "data":{"name":"Zo\\u00eb é","n":12345678901234567890} }\n';
  const signature = sign(body, SECRET);
  const answer = await deliver(url, body, { 'x-signature': signature, 'x-trace': 'abc', cookie: 'sid=1' });
  expect(answer.status).toBe(200);
  const [{ body: taken, headers } = {} as ReceivedRequest] = app.received;
  expect(taken?.toString()).toBe(body);
  expect(headers).toMatchObject({ 'x-signature': signature, 'x-trace': 'abc', 'content-type': 'application/json' });
  expect(headers).not.toHaveProperty('cookie');
  expect(headers?.['host']).toBe(new URL(app.url).host);
  await says('200 User.LoggedIn forwarded: as the app says');
  expect(await interrupt()).toBe(0);
  await app.close();
});

test('rejects a forged delivery, forwards nothing and shows the reason on the page', async () => {
  const app = await openApp();
  const listening = await listen(['--forward-to', app.url]);
  const { url, says } = listening;
  const body = JSON.stringify(sampleEvent('User.LoggedIn'));
  expect((await deliver(url, body, { 'x-signature': sign(body, `"${SECRET}"`) })).status).toBe(403);
  await says('403 unverified rejected: mismatch');
  expect(app.received).toEqual([]);
  expect(await shown(listening)).toMatchObject({ outcome: 'rejected', reason: 'mismatch' });
  await app.close();
});

test('reports that the app is down, and keeps the delivery across a restart', async () => {
  const port = await freePort();
  const target = `http://127.0.0.1:${port}/hooks`;
  const args = ['--forward-to', target, '--history', join(folder, 'history')];
  const first = await listen(args);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(first.url, body, headers)).status).toBe(500);
  await first.says('NOT FORWARDED: no answer from');
  expect(first.printed()).toContain('ECONNREFUSED');
  expect(await first.interrupt()).toBe(0);

  const app = await openApp(port);
  const second = await listen(args);
  expect(await shown(second)).toMatchObject({ event: 'User.LoggedIn', outcome: 'failed', canReplay: true });
  expect(await (await replay(second)).json()).toEqual({ status: 200 });
  const [{ body: taken, headers: sent } = {} as ReceivedRequest] = app.received;
  expect(taken?.toString()).toBe(body);
  expect(sent?.['x-signature']).toBe(headers['x-signature']);
  expect(await shown(second)).toMatchObject({ outcome: 'handled' });
  expect(await second.interrupt()).toBe(0);
  const file = readFileSync(join(folder, 'history'), 'latin1');
  expect(file).toContain('johndoe1');
  for (const text of [first.printed(), second.printed(), file]) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(headers['x-signature']);
  }
  await app.close();
});

test('reports an error response of the app as a failure, with its body', async () => {
  const app = await openApp(0, 503);
  const { url, says } = await listen(['--forward-to', app.url]);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(500);
  await says('answered 503: as the app says');
  await app.close();
});

test.each(['0.0.0.0', '[::ffff:127.0.0.1]'])('ends a forwarding loop after one round: %s', async (host) => {
  const port = String(await freePort());
  const { url, says } = await listen(['--port', port, '--forward-to', `http://${host}:${port}/`]);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(500);
  await says('answered 508: This delivery was forwarded from here');
});

test('reads only the beginning of an endless response', async () => {
  const left: Promise<unknown>[] = [];
  const endless = createServer((req, res) => {
    left.push(once(res, 'close'));
    const write = (): void => void (res.write('x'.repeat(64 * 1024)) && setImmediate(write));
    res.on('drain', write);
    req.resume();
    write();
  }).listen(0, '127.0.0.1');
  await once(endless, 'listening');
  const target = `http://127.0.0.1:${(endless.address() as AddressInfo).port}/`;
  const { url, says } = await listen(['--forward-to', target]);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  expect((await deliver(url, body, headers)).status).toBe(200);
  await says('200 User.LoggedIn forwarded: xxx');
  await Promise.all(left);
  endless.close();
});

test('keeps the delivery that was being forwarded when it was killed', async () => {
  const hanging = createServer().listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const target = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
  const args = ['--forward-to', target, '--history', join(folder, 'killed')];
  const first = await listen(args);
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  const requested = once(hanging, 'request');
  const lost = deliver(first.url, body, headers).catch(() => 'lost');
  await requested;
  const exited = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await exited;
  expect(await lost).toBe('lost');
  hanging.closeAllConnections();
  hanging.close();
  const second = await listen(args);
  expect(await shown(second)).toMatchObject({ event: 'User.LoggedIn', outcome: 'failed', canReplay: true });
});
