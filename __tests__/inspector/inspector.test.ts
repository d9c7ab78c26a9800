import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openInbox } from '../../src/inbox/index.js';
import type { LifecycleNotices } from '../../src/index.js';
import { inspector } from '../../src/inspector/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { SECRET } from '../helpers/app.js';
import { type Inspected, inspectedApp } from '../helpers/inspected.js';

let app: Inspected;
afterEach(() => app?.stop());

/** What the page knows of a delivery, and of the first one when none is named. */
const detail = async (key = 1) => (await app.ask(`api/deliveries/${key}`)).json;

function noticed<N extends keyof LifecycleNotices>(name: N): Promise<LifecycleNotices[N]> {
  return new Promise((resolve) => app.webhooks.events.once(name, resolve as never));
}

describe('a delivery', () => {
  test('is shown with its exact bytes, what became of it and the handlers that ran', async () => {
    app = await inspectedApp();
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

  test('whose handler fails is shown with the error, and the next try as another run of its own', async () => {
    app = await inspectedApp();
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

  test('whose handler runs out of time is shown so, and the error that comes too late as well', async () => {
    app = await inspectedApp({ timeoutMs: { handler: 5 } });
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

  test('that deviates from what is published is shown with where', async () => {
    app = await inspectedApp();
    app.webhooks.on('User.LoggedIn', () => {});
    await app.deliver({ ...sampleEvent('User.LoggedIn'), account_id: 'text' });
    expect((await detail()).drift).toEqual([expect.stringMatching(/^account_id: /)]);
  });

  test('while its handlers run is there already', async () => {
    app = await inspectedApp();
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
    ['under the key with a line break', (body: string) => sign(body, `${SECRET}\n`), 'key-line-break'],
    [
      'of the body before it was indented',
      (body: string) => sign(JSON.stringify(JSON.parse(body)), SECRET),
      'body-restringified',
    ],
    ['in hex', (body: string) => Buffer.from(sign(body, SECRET), 'base64').toString('hex'), 'signature-hex'],
  ])('says why, and the mistake that explains a signature %s', async (_name, signature, mistake) => {
    app = await inspectedApp();
    const body = JSON.stringify(sampleEvent('User.LoggedIn'), null, 2);
    await app.post(body, { 'x-signature': signature(body) });
    const shown = await detail();
    expect(shown).toMatchObject({ outcome: 'rejected', status: 403, event: null, canReplay: false, runs: [] });
    expect(shown.mistakes).toMatchObject([{ id: mistake }]);
    expect(await app.ask('api/deliveries/1/replay', { json: {} })).toMatchObject({ status: 404 });
  });

  test('that nothing explains says only what it is', async () => {
    app = await inspectedApp();
    await app.deliver('User.LoggedIn', 'another key');
    await app.post('{}');
    expect(await detail(1)).toMatchObject({ reason: 'mismatch', mistakes: null });
    expect(await detail(2)).toMatchObject({ reason: 'missing', mistakes: null });
  });

  test('without a body is shown too', async () => {
    app = await inspectedApp({ limit: 10 });
    await app.post('x'.repeat(100));
    await fetch(`${app.base}/webhooks/cakemail`);
    expect(await app.listed()).toMatchObject([
      { reason: 'body_too_large', status: 413, id: null },
      { reason: 'method', status: 405, id: null },
    ]);
  });

  test('by a schema says what the schema found', async () => {
    const { z } = await import('zod');
    app = await inspectedApp({ schemas: { 'User.LoggedIn': z.object({ email: z.number() }) } });
    await app.deliver('User.LoggedIn');
    expect(await detail()).toMatchObject({
      reason: 'schema_mismatch',
      status: 422,
      cause: expect.stringContaining('email'),
    });
  });
});

describe('replay', () => {
  test('runs the handlers again with the original bytes, though they ran already', async () => {
    app = await inspectedApp();
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
    // For its sender it is a duplicate as before.
    await app.deliver('User.LoggedIn');
    expect(seen).toHaveLength(2);
  });

  test('is over once the receiver closes', async () => {
    app = await inspectedApp();
    await app.deliver('User.LoggedIn');
    await app.webhooks.close();
    expect(await app.ask('api/deliveries/1/replay', { json: {} })).toMatchObject({ json: { status: 503 } });
  });

  test('of what is not there is not found', async () => {
    app = await inspectedApp();
    for (const key of ['9', 'x', '-1', '__proto__']) {
      expect(await app.ask(`api/deliveries/${key}/replay`, { json: {} })).toMatchObject({ status: 404 });
    }
  });
});

describe('edit and sign', () => {
  test('signs a body and sends it through the whole receiver', async () => {
    app = await inspectedApp();
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    const body = '{"event":"User.LoggedIn","data":{"email":"é@example.com"}}';
    expect(await app.ask('api/send', { json: { body } })).toMatchObject({ json: { status: 200 } });
    expect(handler.mock.calls[0][0].data.email).toBe('é@example.com');
    expect(await app.listed()).toMatchObject([{ origin: 'edited', outcome: 'handled' }]);
  });

  test('takes the key of the event', async () => {
    app = await inspectedApp({ secret: { 'User.LoggedIn': 'key-of-logins', 'Email.Sent': 'key-of-mails' } });
    for (const event of ['User.LoggedIn', 'Email.Sent']) {
      expect(await app.ask('api/send', { json: { body: JSON.stringify({ event }) } })).toMatchObject({
        json: { status: 200 },
      });
    }
  });

  test('refuses what is no text', async () => {
    app = await inspectedApp();
    for (const json of [{}, { body: 1 }, { body: {} }]) {
      expect(await app.ask('api/send', { json })).toMatchObject({ status: 400 });
    }
    for (const json of [[], 'x', null]) expect(await app.ask('api/send', { json })).toMatchObject({ status: 400 });
  });
});

test('finds text in bodies, whatever its case', async () => {
  app = await inspectedApp();
  await app.deliver({ ...sampleEvent('User.LoggedIn'), data: { email: 'Zoë@Example.com' } });
  await app.deliver('User.LoggedIn');
  expect((await app.ask(`api/search?text=${encodeURIComponent('zoë@example')}`)).json).toEqual({ keys: [1] });
  expect((await app.ask('api/search?text=loggedin')).json).toEqual({ keys: [1, 2] });
});

test('18. neither keys, signatures, credentials nor cookies reach the page or the file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'inspector-'));
  const historyFile = join(folder, 'history');
  app = await inspectedApp({}, { panel: { historyFile } });
  app.webhooks.on('User.LoggedIn', () => {});
  const secrets = { authorization: 'Bearer tok-123', cookie: 'sid=cook-123', 'proxy-authorization': 'Basic prox-123' };
  const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  await app.post(signed.body, { ...signed.headers, ...secrets });
  await app.post(`${signed.body} `, { ...signed.headers, ...secrets });
  const { readFileSync } = await import('node:fs');
  const all = [
    JSON.stringify(await app.listed()),
    ...(
      await Promise.all(
        ['', 'page.js', 'api/settings', 'api/deliveries/1', 'api/deliveries/2'].map((path) => app.ask(path)),
      )
    ).map(({ body, headers }) => body + JSON.stringify(headers)),
    readFileSync(historyFile, 'utf8'),
  ].join('\n');
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
    app = await inspectedApp({ inbox });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('the attempts of its worker belong to the request that brought the delivery', async () => {
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

  test('a handler that is done is no part of the next attempt', async () => {
    let isBroken = true;
    app.webhooks.on('User.LoggedIn', function first() {});
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

  test('replay of a delivery goes through the inbox', async () => {
    const handler = jest.fn();
    app.webhooks.on('User.LoggedIn', handler);
    const first = noticed('handled');
    await app.deliver('User.LoggedIn');
    await first;
    const second = noticed('handled');
    // Its end is written just after it is told.
    let answer = await app.ask('api/deliveries/1/replay', { json: {} });
    while (answer.status === 409) {
      await sleep(5);
      answer = await app.ask('api/deliveries/1/replay', { json: {} });
    }
    expect(answer.json).toEqual({ status: 202 });
    await second;
    expect(handler).toHaveBeenCalledTimes(2);
  });

  test('what is asked with a state that there is not is refused', async () => {
    expect(await app.ask('api/inbox?state=everything')).toMatchObject({ status: 404 });
    expect(await app.ask('api/inbox/replay', { json: { state: 'everything' } })).toMatchObject({ status: 404 });
    for (const json of [{}, { state: '', event: '' }, { id: 1 }]) {
      expect(await app.ask('api/inbox/replay', { json })).toMatchObject({ status: 400 });
    }
  });
});

describe('looking on changes nothing', () => {
  test('a lazy promise, as database libraries have them, runs once', async () => {
    app = await inspectedApp();
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

  test('a handler that fails at once fails with its own error', async () => {
    app = await inspectedApp();
    const told = jest.fn();
    const error = new Error('at once');
    app.webhooks.onError(told);
    app.webhooks.on('User.LoggedIn', () => {
      throw error;
    });
    expect((await app.deliver('User.LoggedIn')).status).toBe(500);
    expect(told.mock.calls[0][0]).toBe(error);
  });

  test('after close() nothing is written down any more, and the app goes on', async () => {
    app = await inspectedApp();
    app.panel.close();
    expect((await app.deliver('User.LoggedIn')).status).toBe(200);
    expect((await app.ask('api/deliveries/1')).status).toBe(404);
  });
});

test('keys that cannot be had hide no delivery', async () => {
  let isDown = false;
  const secrets = () => {
    if (isDown) throw new Error('down');
    return SECRET;
  };
  app = await inspectedApp({ secrets, secretsMaxAgeMs: 1 });
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
])('refuses options that cannot be right: %j', async (panel, words) => {
  await expect(inspectedApp({}, { panel: panel as never })).rejects.toThrow(words);
});

test('needs a router of this package', () => {
  expect(() => inspector({} as never)).toThrow('createWebhookRouter');
  expect(() => inspector(undefined as never)).toThrow('createWebhookRouter');
});
