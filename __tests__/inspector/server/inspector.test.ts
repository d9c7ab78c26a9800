import crypto from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync } from 'node:zlib';
import express from 'express';
import express4 from 'express4';
import { openInbox } from '../../../src/inbox/index.js';
import { EVENT_NAMES, type LifecycleNotices, PermanentError } from '../../../src/index.js';
import { inspector } from '../../../src/inspector/index.js';
import { sampleEvent, sign, signedRequest } from '../../../src/testing/index.js';
import { type InspectedApp, SECRET, startInspectedApp } from '../../helpers/harness.js';

let app: InspectedApp;
afterEach(() => app?.stop());

/** Gets the details of a delivery as the page does. The default is the first delivery. */
const detail = async (key = 1) => (await app.ask(`api/deliveries/${key}`)).json;

function noticed<N extends keyof LifecycleNotices>(name: N): Promise<LifecycleNotices[N]> {
  return new Promise((resolve) => app.webhooks.lifecycle.once(name, resolve as never));
}

describe('a delivery', () => {
  test('is shown with its exact bytes, its outcome and the handlers that ran', async () => {
    app = await startInspectedApp();
    app.webhooks.on('User.LoggedIn', async function audit() {});
    app.webhooks.on(['User.LoggedIn', 'Email.*'], () => {});
    app.webhooks.onAny(() => {});
    const { body, headers } = signedRequest(`{ "event":"User.LoggedIn",\r\n"data":{"x":12345678901234567890} }`, {
      secret: SECRET,
    });
    await app.post(body, { ...headers, 'x-trace': 'abc' });
    expect(await app.listed()).toMatchObject([
      {
        key: 1,
        event: 'User.LoggedIn',
        outcome: 'handled',
        status: 200,
        reason: null,
        bytes: body.length,
        attempts: 1,
      },
    ]);
    const shown = await detail();
    expect(Buffer.from(shown.bodyBase64, 'base64').toString()).toBe(body);
    expect(shown).toMatchObject({ headers: { 'x-trace': 'abc' }, canReplay: true, cause: null });
    expect(shown.runs).toMatchObject([{ attempt: 1, outcome: 'handled', error: null }]);
    expect(shown.runs[0].handlers).toEqual([
      { name: 'audit', durationMs: expect.any(Number), error: null },
      { name: 'on User.LoggedIn and 1 more', durationMs: expect.any(Number), error: null },
      { name: 'on any event', durationMs: expect.any(Number), error: null },
    ]);
    const file = await app.ask('api/deliveries/1/body');
    expect(file.body).toBe(body);
    expect(file.headers['content-disposition']).toMatch(/^attachment; filename="User.LoggedIn-[0-9a-f]{8}\.json"$/);
  });

  test('is shown with the error of its handler, and its next attempt is a run of its own request', async () => {
    app = await startInspectedApp();
    let isBroken = true;
    app.webhooks.on('User.LoggedIn', async function audit() {
      if (isBroken) throw new Error('the list is full');
    });
    await app.deliver('User.LoggedIn');
    isBroken = false;
    await app.deliver('User.LoggedIn');
    await app.deliver('User.LoggedIn');
    expect(await app.listed()).toMatchObject([
      { outcome: 'failed', status: 500 },
      { outcome: 'handled', status: 200 },
      { outcome: 'duplicate', status: 200, attempts: 0 },
    ]);
    const { runs } = await detail();
    expect(runs[0]).toMatchObject({ outcome: 'failed', error: 'the list is full' });
    expect(runs[0].handlers[0].error).toMatch(/^Error: the list is full\n\s+at /);
    expect((await detail(2)).runs).toMatchObject([{ attempt: 2, outcome: 'handled' }]);
  });

  test('is shown as failed when its handler exceeds the time limit, and a late error is shown as well', async () => {
    app = await startInspectedApp({ timeoutMs: { handler: 5 } });
    let fail = (_error: Error): void => {};
    app.webhooks.on('User.LoggedIn', () => new Promise((_, reject) => (fail = reject)));
    await app.deliver('User.LoggedIn');
    expect((await detail()).runs[0]).toMatchObject({
      outcome: 'failed',
      handlers: [{ durationMs: null, error: null }],
    });
    const late = noticed('late');
    fail(new Error('so late'));
    await late;
    expect((await detail()).runs[0].handlers[0].error).toContain('so late');
  });

  test('is shown with the members that deviate from what Cakemail publishes', async () => {
    app = await startInspectedApp();
    app.webhooks.on('User.LoggedIn', () => {});
    await app.deliver({ ...sampleEvent('User.LoggedIn'), account_id: 'text' });
    expect((await detail()).drift).toEqual([expect.stringMatching(/^account_id: /)]);
  });

  test('is shown while its handlers run', async () => {
    app = await startInspectedApp();
    let end = (): void => {};
    const started = new Promise<void>((isStarted) => {
      app.webhooks.on('User.LoggedIn', () => {
        isStarted();
        return new Promise<void>((resolve) => (end = resolve));
      });
    });
    const answered = app.deliver('User.LoggedIn');
    await started;
    expect(await app.listed()).toMatchObject([{ outcome: 'running', event: 'User.LoggedIn', status: null }]);
    end();
    await answered;
    expect(await app.listed()).toMatchObject([{ outcome: 'handled', status: 200 }]);
  });
});

describe('a refused request', () => {
  test.each([
    ['made with a key that ends with a line break', (body: string) => sign(body, `${SECRET}\n`), 'key-line-break'],
    [
      'of the body before it was indented',
      (body: string) => sign(JSON.stringify(JSON.parse(body)), SECRET),
      'body-restringified',
    ],
    ['in hex', (body: string) => Buffer.from(sign(body, SECRET), 'base64').toString('hex'), 'signature-hex'],
  ])(
    'is shown with its reason, and with the mistake that explains a signature %s',
    async (_name, signature, mistake) => {
      app = await startInspectedApp();
      const body = JSON.stringify(sampleEvent('User.LoggedIn'), null, 2);
      await app.post(body, { 'x-signature': signature(body) });
      const shown = await detail();
      expect(shown).toMatchObject({ outcome: 'rejected', status: 403, event: null, canReplay: false, runs: [] });
      expect(shown.mistakes).toMatchObject([{ id: mistake }]);
      expect(await app.ask('api/deliveries/1/replay', { json: {} })).toMatchObject({ status: 404 });
    },
  );

  test('is shown without a mistake when no known mistake explains it', async () => {
    app = await startInspectedApp();
    await app.deliver('User.LoggedIn', 'another key');
    await app.post('{}');
    expect(await detail(1)).toMatchObject({ reason: 'mismatch', mistakes: [] });
    expect(await detail(2)).toMatchObject({ reason: 'missing', mistakes: null });
  });

  test('is shown even when its body was not read', async () => {
    app = await startInspectedApp({ limit: 10 });
    await app.post('x'.repeat(100));
    await fetch(`${app.base}/webhooks/cakemail`);
    expect(await app.listed()).toMatchObject([
      { reason: 'body_too_large', status: 413, id: null },
      { reason: 'method', status: 405, id: null },
    ]);
  });

  test('is shown with the issues that the schema found', async () => {
    const { z } = await import('zod');
    app = await startInspectedApp({ schemas: { 'User.LoggedIn': z.object({ email: z.number() }) } });
    await app.deliver('User.LoggedIn');
    expect(await detail()).toMatchObject({
      reason: 'schema_mismatch',
      status: 422,
      cause: expect.stringContaining('email'),
    });
  });
});

describe('replay', () => {
  test('runs the handlers again with the original bytes although they succeeded before', async () => {
    app = await startInspectedApp();
    const seen: string[] = [];
    app.webhooks.on('User.LoggedIn', (_event, { rawBody }) => seen.push(rawBody.toString()));
    await app.deliver('User.LoggedIn');
    expect(await app.ask('api/deliveries/1/replay', { json: {} })).toMatchObject({
      status: 200,
      json: { status: 200 },
    });
    expect(seen).toHaveLength(2);
    expect(seen[1]).toBe(seen[0]);
    expect((await detail()).runs).toHaveLength(2);
    expect(await app.listed()).toHaveLength(1);
    // The sender still gets the response for a duplicate.
    await app.deliver('User.LoggedIn');
    expect(seen).toHaveLength(2);
  });

  test('is answered 503 once the receiver closes', async () => {
    app = await startInspectedApp();
    await app.deliver('User.LoggedIn');
    await app.webhooks.close();
    expect(await app.ask('api/deliveries/1/replay', { json: {} })).toMatchObject({ json: { status: 503 } });
  });

  test('is answered 404 for an entry that does not exist', async () => {
    app = await startInspectedApp();
    for (const key of ['9', 'x', '-1', '__proto__']) {
      expect(await app.ask(`api/deliveries/${key}/replay`, { json: {} })).toMatchObject({ status: 404 });
    }
  });
});

describe('edit and sign', () => {
  test('signs a body and sends it through the whole pipeline', async () => {
    app = await startInspectedApp();
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    const body = '{"event":"User.LoggedIn","data":{"email":"é@example.com"}}';
    expect(await app.ask('api/send', { json: { body } })).toMatchObject({ json: { status: 200 } });
    expect(handler.mock.calls[0][0].data.email).toBe('é@example.com');
    expect(await app.listed()).toMatchObject([{ origin: 'edited', outcome: 'handled' }]);
  });

  test('signs with the key of the event', async () => {
    app = await startInspectedApp({ secret: { 'User.LoggedIn': 'key-of-logins', 'Email.Sent': 'key-of-mails' } });
    for (const event of ['User.LoggedIn', 'Email.Sent']) {
      expect(await app.ask('api/send', { json: { body: JSON.stringify({ event }) } })).toMatchObject({
        json: { status: 200 },
      });
    }
  });

  test('refuses a body that is not text', async () => {
    app = await startInspectedApp();
    for (const json of [{}, { body: 1 }, { body: {} }]) {
      expect(await app.ask('api/send', { json })).toMatchObject({ status: 400 });
    }
    for (const json of [[], 'x', null]) expect(await app.ask('api/send', { json })).toMatchObject({ status: 400 });
  });
});

test('the search finds text in bodies and ignores its case', async () => {
  app = await startInspectedApp();
  await app.deliver({ ...sampleEvent('User.LoggedIn'), data: { email: 'Zoë@Example.com' } });
  await app.deliver('User.LoggedIn');
  expect((await app.ask(`api/search?text=${encodeURIComponent('zoë@example')}`)).json).toEqual({ keys: [1] });
  expect((await app.ask('api/search?text=loggedin')).json).toEqual({ keys: [1, 2] });
});

test('18. neither keys, signatures, credentials nor cookies reach the page or the file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'inspector-'));
  const historyFile = join(folder, 'history');
  app = await startInspectedApp({}, { panel: { historyFile } });
  app.webhooks.on('User.LoggedIn', () => {});
  const secrets = { authorization: 'Bearer tok-123', cookie: 'sid=cook-123', 'proxy-authorization': 'Basic prox-123' };
  const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  await app.post(signed.body, { ...signed.headers, ...secrets });
  await app.post(`${signed.body} `, { ...signed.headers, ...secrets });
  const shown = [
    JSON.stringify(await app.listed()),
    ...(
      await Promise.all(
        ['', 'page.js', 'api/settings', 'api/deliveries/1', 'api/deliveries/2'].map((path) => app.ask(path)),
      )
    ).map(({ body, headers }) => body + JSON.stringify(headers)),
  ];
  app.panel.close();
  // As latin1, so that each byte is a character.
  const file = readFileSync(historyFile, 'latin1');
  expect(file).toContain('johndoe1');
  const all = [...shown, file].join('\n');
  for (const secret of [SECRET, signed.headers['x-signature'] as string, 'tok-123', 'cook-123', 'prox-123']) {
    expect(all).not.toContain(secret);
  }
  rmSync(folder, { recursive: true });
});

describe('with an inbox', () => {
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'inspector-'));
    const inbox = await openInbox(`file:${join(folder, 'inbox.db')}`, {
      retries: { attempts: 2, baseMs: 1, maxMs: 1 },
    });
    app = await startInspectedApp({ inbox });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('the runs of its worker belong to the request that brought the delivery', async () => {
    let isBroken = true;
    app.webhooks.on('User.LoggedIn', () => {
      if (isBroken) throw new Error('not yet');
    });
    const dead = noticed('dead');
    expect((await app.deliver('User.LoggedIn')).status).toBe(202);
    const { id } = await dead;
    expect(await app.listed()).toMatchObject([
      { outcome: 'dead', status: 202, reason: 'attempts_exhausted', attempts: 2 },
    ]);
    expect((await app.ask('api/inbox?state=dead&event=')).json).toMatchObject({
      stats: { dead: 1, waiting: 0 },
      entries: [{ id, event: 'User.LoggedIn', state: 'dead', attempts: 2, error: expect.stringContaining('not yet') }],
    });
    expect((await app.ask(`api/inbox/${id}`)).json).toMatchObject({ id, bodyBase64: expect.any(String) });
    isBroken = false;
    const handled = noticed('handled');
    expect((await app.ask('api/inbox/replay', { json: { state: 'dead', event: '' } })).json).toEqual({ replayed: 1 });
    await handled;
    expect(await app.listed()).toMatchObject([{ outcome: 'handled', attempts: 3 }]);
  });

  test('a handler that succeeded is not part of the next attempt', async () => {
    let isBroken = true;
    app.webhooks.on('User.LoggedIn', () => {}, { id: 'first' });
    app.webhooks.on('User.LoggedIn', function second() {
      if (isBroken) throw new Error('not yet');
    });
    app.webhooks.onError(() => {
      isBroken = false;
    });
    const handled = noticed('handled');
    await app.deliver('User.LoggedIn');
    await handled;
    const { runs } = await detail();
    const names = runs.map(({ handlers }: { handlers: { name: string }[] }) => handlers.map(({ name }) => name));
    expect(names).toEqual([['first', 'second'], ['second']]);
  });

  test('a replay goes through the inbox', async () => {
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    const first = noticed('handled');
    await app.deliver('User.LoggedIn');
    await first;
    const second = noticed('handled');
    // The notice comes shortly before the inbox has stored the end.
    let answer = await app.ask('api/deliveries/1/replay', { json: {} });
    while (answer.status === 409) {
      await sleep(5);
      answer = await app.ask('api/deliveries/1/replay', { json: {} });
    }
    expect(answer.json).toEqual({ status: 202 });
    await second;
    expect(handler).toHaveBeenCalledTimes(2);
  });

  test('a filter with a state that does not exist is refused', async () => {
    expect(await app.ask('api/inbox?state=everything')).toMatchObject({ status: 404 });
    expect(await app.ask('api/inbox/replay', { json: { state: 'everything' } })).toMatchObject({ status: 400 });
    const odd = [{ id: 1 }, { id: null, event: 'A.b' }, { id: ['x'], state: 'done' }, { id: '', state: 'done' }];
    for (const json of [{}, { state: '', event: '' }, ...odd.slice(0, 3)]) {
      expect(await app.ask('api/inbox/replay', { json })).toMatchObject({ status: 400 });
    }
  });
});

describe('the inspector changes nothing in the app', () => {
  const thrower = (thrown: unknown) => () => {
    throw thrown;
  };
  const oddly = (descriptor: PropertyDescriptor, member = 'stack') =>
    Object.defineProperty(new PermanentError('never again'), member, { configurable: true, ...descriptor });

  test.each<[string, unknown]>([
    ['whose stack is a list', oddly({ value: [] })],
    ['whose stack is a number', oddly({ value: 3 })],
    ['whose stack is undefined', oddly({ value: undefined })],
    ['whose stack cannot be read', oddly({ get: thrower(new Error('no')) })],
    ['whose message cannot be read', oddly({ get: thrower(new Error('no')) }, 'message')],
  ])('an error %s reaches the app unchanged, and is shown', async (_name, thrown) => {
    app = await startInspectedApp();
    const told = jest.fn();
    app.webhooks.onError(told);
    app.webhooks.on('User.LoggedIn', thrower(thrown));
    expect((await app.deliver('User.LoggedIn')).status).toBe(500);
    expect(told.mock.calls[0][0]).toBe(thrown);
    const [{ handlers, outcome }] = (await detail()).runs;
    expect([outcome, typeof handlers[0].error, typeof handlers[0].durationMs]).toEqual(['failed', 'string', 'number']);
  });

  test.each<[string, (event: Record<string, unknown>) => void]>([
    ['itself', (event) => (event['event'] = event)],
    ['a bigint', (event) => (event['event'] = 10n)],
    ['a getter that throws', (event) => Object.defineProperty(event, 'event', { get: thrower(new Error('no')) })],
  ])('a handler that changes the name of the event into %s disturbs no other handler', async (_name, change) => {
    app = await startInspectedApp();
    const other = jest.fn();
    app.webhooks.on('User.LoggedIn', (event) => void change(event as never));
    app.webhooks.on('User.LoggedIn', other);
    await app.deliver('User.LoggedIn');
    expect(other).toHaveBeenCalledTimes(1);
    expect(await app.listed()).toMatchObject([{ event: 'User.LoggedIn', outcome: 'handled', attempts: 1 }]);
    expect(await detail()).toMatchObject({ event: 'User.LoggedIn', runs: [{ outcome: 'handled' }] });
  });

  test('a failure that no logger and no listener reports is still a process warning', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    app = await startInspectedApp({ logger: undefined });
    app.webhooks.on('User.LoggedIn', thrower(new Error('the list is full')));
    await app.deliver('User.LoggedIn');
    expect(warned.mock.calls.map(String).join()).toContain('nothing reports it');
    warned.mockRestore();
  });

  test('a second inspector shows the same names', async () => {
    app = await startInspectedApp();
    const second = express().use(inspector(app.webhooks, { authorize: () => true }));
    app.webhooks.on('User.LoggedIn', async function audit() {});
    await app.deliver('User.LoggedIn');
    const { default: supertest } = await import('supertest');
    const { body } = await supertest(second).get('/api/deliveries/1').set('host', 'localhost');
    for (const { runs } of [await detail(), body]) expect(runs[0].handlers).toMatchObject([{ name: 'audit' }]);
  });

  test('a lazy promise, such as a query of a database library, runs once', async () => {
    app = await startInspectedApp();
    let runs = 0;
    const query = {
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      then(resolve: () => void) {
        runs++;
        resolve();
      },
    };
    app.webhooks.on('User.LoggedIn', () => query);
    await app.deliver('User.LoggedIn');
    expect(runs).toBe(1);
  });

  test('a handler that throws synchronously fails with its own error', async () => {
    app = await startInspectedApp();
    const told = jest.fn();
    const error = new Error('at once');
    app.webhooks.onError(told);
    app.webhooks.on('User.LoggedIn', () => {
      throw error;
    });
    expect((await app.deliver('User.LoggedIn')).status).toBe(500);
    expect(told.mock.calls[0][0]).toBe(error);
  });

  test('after close() the inspector records nothing more, and the app still works', async () => {
    app = await startInspectedApp();
    app.panel.close();
    expect((await app.deliver('User.LoggedIn')).status).toBe(200);
    expect((await app.ask('api/deliveries/1')).status).toBe(404);
  });
});

describe('the inspector bounds', () => {
  test('the length of errors and names, and the number of runs', async () => {
    app = await startInspectedApp();
    const long = 'x'.repeat(100_000);
    app.webhooks.on('User.LoggedIn', () => {
      throw new Error(long);
    });
    app.webhooks.onUnhandled(Object.defineProperty(() => {}, 'name', { value: long }));
    app.webhooks.onUnhandled(Object.defineProperty(() => {}, 'name', { value: 42 }));
    await app.deliver('User.LoggedIn');
    await app.deliver({ event: long });
    for (let index = 0; index < 30; index++) await app.ask('api/deliveries/1/replay', { json: {} });
    expect(await app.listed()).toMatchObject([{ attempts: 31 }, { event: expect.stringMatching(/^x{200}…$/) }]);
    expect((await detail(1)).runs).toHaveLength(20);
    for (const key of [1, 2]) {
      const { bodyBase64, ...rest } = await detail(key);
      expect(JSON.stringify(rest).length).toBeLessThan(100_000);
    }
    expect((await detail(2)).runs[0].handlers).toMatchObject([
      { name: expect.any(String) },
      { name: expect.any(String) },
    ]);
  });

  test('the diagnoses of a forgery to one, even for a large body and many keys', async () => {
    const secret = Object.fromEntries(EVENT_NAMES.map((name) => [name, `key-of-${name}`]));
    app = await startInspectedApp({ secret });
    const bomb = brotliCompressSync(Buffer.alloc(4_000_000));
    await app.post(bomb as never, { 'x-signature': sign(bomb, 'another key') });
    const hashed = jest.spyOn(crypto, 'createHmac');
    expect(await detail()).toMatchObject({ reason: 'mismatch', mistakes: [] });
    const calls = hashed.mock.calls.length;
    expect(calls).toBeGreaterThan(EVENT_NAMES.length);
    await detail();
    expect(hashed.mock.calls).toHaveLength(calls);
    hashed.mockRestore();
  });
});

test('44. a diagnosis that ended at its limit says so, and others go on while one runs', async () => {
  const secret = Object.fromEntries(EVENT_NAMES.map((name) => [name, `key-of-${name}`]));
  app = await startInspectedApp({ secret });
  const body = JSON.stringify({ event: 'User.LoggedIn', long: 'x'.repeat(200_000) }, null, 2);
  for (let time = 0; time < 3; time++) {
    await app.post(body, { 'x-signature': sign(JSON.stringify(JSON.parse(body)), 'key-of-User.LoggedIn') });
  }
  await app.post('{"event":"User.LoggedIn"}', { 'x-signature': sign('{}', 'another key') });
  const answers = [1, 2, 3, 4].map((key) => detail(key));
  for (const answer of await Promise.all(answers.slice(0, 3))) {
    expect(answer).toMatchObject({ reason: 'mismatch', mistakes: [], isDiagnosisCut: true });
  }
  expect(await answers[3]).toMatchObject({ reason: 'mismatch', mistakes: [], isDiagnosisCut: false });
  await app.deliver('User.LoggedIn', 'key-of-User.LoggedIn');
  expect(await detail(5)).toMatchObject({ mistakes: null, isDiagnosisCut: false });
});

test('44. forgeries that are opened at the same time are diagnosed one after the other, and each of them once', async () => {
  app = await startInspectedApp();
  for (let index = 0; index < 5; index++) await app.post(`body ${index}`, { 'x-signature': sign('x', 'x') });
  const order: string[] = [];
  const { update } = crypto.Hmac.prototype;
  const hashed = jest.spyOn(crypto.Hmac.prototype, 'update').mockImplementation(function (this: crypto.Hmac, bytes) {
    const [body] = /body \d/.exec(String(bytes)) ?? [];
    if (body !== undefined && order.at(-1) !== body) order.push(body);
    return update.call(this, bytes as never, undefined as never);
  });
  await Promise.all([1, 2, 3, 4, 5, 1, 2].map((key) => detail(key)));
  hashed.mockRestore();
  expect([...order].sort()).toEqual(['body 0', 'body 1', 'body 2', 'body 3', 'body 4']);
});

test('a run belongs to the authentic request, not to a forged copy that arrived before it', async () => {
  let give = (_key: string): void => {};
  const key = new Promise<string>((resolve) => (give = resolve));
  app = await startInspectedApp({ secrets: () => key });
  app.webhooks.on('User.LoggedIn', () => {});
  const { rawBody, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  const forged = app.webhooks.receive({ rawBody, headers: { 'x-signature': sign(rawBody, 'another key') } });
  const genuine = app.webhooks.receive({ rawBody, headers });
  give(SECRET);
  await Promise.all([forged, genuine]);
  expect(await app.listed()).toMatchObject([
    { outcome: 'rejected', event: null, attempts: 0 },
    { outcome: 'handled', event: 'User.LoggedIn', attempts: 1 },
  ]);
});

describe('the stream', () => {
  test('is answered 503 once the inspector is closed, so that the page does not reconnect', async () => {
    app = await startInspectedApp();
    app.panel.close();
    expect(await app.ask('api/stream')).toMatchObject({ status: 503 });
  });

  test('starts no timer for a client that disconnected while `authorize` ran', async () => {
    const asked: IncomingMessage[] = [];
    const visitors = new EventEmitter();
    const authorize = async (req: IncomingMessage) => {
      asked.push(req);
      visitors.emit('asked');
      return once(visitors, 'admitted');
    };
    app = await startInspectedApp({}, { panel: { authorize } });
    const isAsked = once(visitors, 'asked');
    const page = request(`${app.base}/_webhooks/api/stream`).on('error', () => {});
    page.end();
    await isAsked;
    const isGone = once(asked[0]?.socket as Socket, 'close');
    page.destroy();
    await isGone;
    const intervals = jest.spyOn(global, 'setInterval');
    visitors.emit('admitted');
    await new Promise((resolve) => setImmediate(resolve));
    expect(intervals).not.toHaveBeenCalled();
    intervals.mockRestore();
  });
});

test.each([
  ['4', express4 as unknown as typeof express],
  ['5', express],
])('the page can post behind parsers that skip its body, in Express %s', async (_version, make) => {
  app = await startInspectedApp({}, { panel: { authorize: () => true, allowSending: true } });
  const outer = make().use(make.urlencoded({ extended: true }), make.text(), app.panel);
  const { default: supertest } = await import('supertest');
  const sent = await supertest(outer)
    .post('/api/send')
    .set('host', 'localhost')
    .send({ body: '{"event":"User.LoggedIn"}' });
  expect(sent.body).toEqual({ status: 200 });
});

test('a delivery is shown although the keys cannot be loaded', async () => {
  let isDown = false;
  const secrets = () => {
    if (isDown) throw new Error('down');
    return SECRET;
  };
  app = await startInspectedApp({ secrets, secretsMaxAgeMs: 1 });
  await app.deliver('User.LoggedIn', 'another key');
  isDown = true;
  await sleep(2);
  expect(await detail()).toMatchObject({ reason: 'mismatch', mistakes: null });
});

test.each([
  [{ endpoint: 'foo' }, '`endpoint`'],
  [{ endpoint: new URL('http://x/') }, '`endpoint`'],
  [{ historyFile: 3 }, '`historyFile`'],
  [{ historyFile: '' }, '`historyFile`'],
  [{ path: '' }, '`path`'],
  [{ path: '_webhooks' }, '`path`'],
  [{ path: '/_webhooks?x' }, '`path`'],
  [{ path: null }, '`path`'],
])('the options %j are refused', async (panel, words) => {
  await expect(startInspectedApp({}, { panel: panel as never })).rejects.toThrow(words);
});

test('inspector() refuses anything but a router of createWebhookRouter()', () => {
  expect(() => inspector({} as never)).toThrow('createWebhookRouter');
  expect(() => inspector(undefined as never)).toThrow('createWebhookRouter');
});
