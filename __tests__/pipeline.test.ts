import vm from 'node:vm';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import * as z from 'zod';
import {
  createWebhookRouter,
  type DedupeStore,
  type LifecycleNotices,
  type WebhookRouter,
  type WebhookRouterOptions,
} from '../src/index.js';
import { sampleEvent, signedRequest } from '../src/testing/index.js';
import { SECRET } from './helpers/harness.js';

const NAMES = ['received', 'verified', 'rejected', 'drift', 'handled', 'unhandled', 'failed', 'duplicate'] as const;

interface Bench {
  readonly webhooks: WebhookRouter;
  /** The notices so far, in order. */
  readonly notices: [name: string, notice: object][];
  /** Their names alone. */
  steps(): string[];
  send(payload: object | string, secret?: string): ReturnType<WebhookRouter['receive']>;
}

function bench(options: Partial<WebhookRouterOptions> = {}): Bench {
  const keys = options.secrets ? {} : { secret: SECRET };
  const webhooks = createWebhookRouter({ logger: {}, ...keys, ...options });
  const notices: [string, object][] = [];
  for (const name of NAMES) {
    const listener = (notice: LifecycleNotices[typeof name]): unknown => notices.push([name, notice]);
    webhooks.lifecycle.on(name, listener as never);
  }
  return {
    webhooks,
    notices,
    steps: () => notices.map(([name]) => name),
    send: (payload, secret = SECRET) => webhooks.receive(signedRequest(payload, { secret })),
  };
}

const login = sampleEvent('User.LoggedIn');

/** A store that says what it is asked and lets everything run. */
function spyStore(): DedupeStore & { readonly reserve: jest.Mock } {
  return { reserve: jest.fn(() => ({ state: 'reserved' as const })), finish: () => {}, release: () => {} };
}

/** A schema of its own making. */
function schema(validate: (data: unknown) => unknown): StandardSchemaV1 {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as StandardSchemaV1.Props['validate'] } };
}

describe('the steps', () => {
  test('of a good delivery are received, verified, handled', async () => {
    const { webhooks, send, notices } = bench({ secret: ['another key', SECRET] });
    webhooks.on('User.LoggedIn', () => {});
    const outcome = await send(login);
    const bytes = JSON.stringify(login).length;
    expect(notices).toEqual([
      ['received', { bytes }],
      ['verified', { bytes, keys: [1] }],
      [
        'handled',
        { event: login, delivery: 'delivery' in outcome && outcome.delivery, durationMs: expect.any(Number) },
      ],
    ]);
  });

  test('end before the first when the body is missing', async () => {
    for (const rawBody of [{ event: 'User.LoggedIn' }, undefined, null, 42, ['x']]) {
      const { webhooks, steps } = bench();
      const outcome = await webhooks.receive({ rawBody: rawBody as never, headers: {} });
      expect(outcome).toMatchObject({ reason: 'body_consumed', code: 'ERR_BODY_CONSUMED', status: 500 });
      expect(steps()).toEqual(['rejected']);
    }
  });

  test('53. the steps end before the first when the bytes were transferred to another thread', async () => {
    for (const rawBody of [new Uint8Array([123, 125]), Buffer.from(new Uint8Array([123, 125]).buffer)]) {
      structuredClone(rawBody.buffer, { transfer: [rawBody.buffer as ArrayBuffer] });
      const { webhooks, steps } = bench();
      const { headers } = signedRequest('', { secret: SECRET });
      const outcome = await webhooks.receive({ rawBody, headers });
      expect(outcome).toMatchObject({ reason: 'body_consumed', status: 500 });
      expect(steps()).toEqual(['rejected']);
    }
  });

  test('take text, a Buffer and any bytes for the same', async () => {
    const { rawBody, body, headers } = signedRequest(login, { secret: SECRET });
    const wider = new Uint8Array([1, 2, ...rawBody, 3]).subarray(2, 2 + rawBody.length);
    for (const given of [body, rawBody, new Uint8Array(rawBody), wider]) {
      const outcome = await bench().webhooks.receive({ rawBody: given, headers });
      expect(outcome.kind).toBe('unhandled');
      expect('delivery' in outcome && outcome.delivery.rawBody.toString()).toBe(body);
    }
  });

  test('end before the first when there are too many bytes', async () => {
    const payload = JSON.stringify(login);
    const [exact, less] = [bench({ limit: payload.length }), bench({ limit: payload.length - 1 })];
    expect((await exact.send(payload)).status).toBe(200);
    expect(await less.send(payload)).toMatchObject({ reason: 'body_too_large', status: 413 });
    expect(less.steps()).toEqual(['rejected']);
  });

  test('load no keys for a signature that cannot be one', async () => {
    const secrets = jest.fn(() => SECRET);
    const { webhooks, notices } = bench({ secrets });
    for (const headers of [{}, { 'x-signature': 'short' }]) await webhooks.receive({ rawBody: '{}', headers });
    expect(secrets).not.toHaveBeenCalled();
    expect(notices).toMatchObject([
      ['received', { bytes: 2 }],
      ['rejected', { reason: 'missing', code: 'ERR_SIGNATURE', status: 403 }],
      ['received', { bytes: 2 }],
      ['rejected', { reason: 'malformed', code: 'ERR_SIGNATURE', status: 403 }],
    ]);
  });

  test('end when the keys cannot be loaded, and report the cause', async () => {
    const { send, notices } = bench({ secrets: () => Promise.reject('no vault') });
    expect(await send(login)).toMatchObject({ reason: 'keys_unavailable', status: 503 });
    expect(notices[1]).toEqual([
      'rejected',
      {
        reason: 'keys_unavailable',
        code: 'ERR_KEYS_UNAVAILABLE',
        status: 503,
        event: undefined,
        cause: expect.objectContaining({ message: expect.stringContaining('no vault') }),
      },
    ]);
  });

  test('parse nothing that no key verifies', async () => {
    const { send, steps } = bench();
    const parse = jest.spyOn(JSON, 'parse');
    try {
      expect(await send('not json', 'another key')).toMatchObject({ reason: 'mismatch', status: 403 });
      expect(parse).not.toHaveBeenCalled();
    } finally {
      parse.mockRestore();
    }
    expect(steps()).toEqual(['received', 'rejected']);
  });

  test.each([
    ['\uFEFF{"event":"User.LoggedIn"}', 'not_json'],
    ['not json', 'not_json'],
    ['[]', 'not_object'],
    ['{"event":""}', 'no_event_name'],
  ])('end with 400 for %j when it is signed', async (payload, reason) => {
    const { send, steps } = bench();
    expect(await send(payload)).toMatchObject({ reason, code: 'ERR_PAYLOAD', status: 400 });
    expect(steps()).toEqual(['received', 'verified', 'rejected']);
  });

  test("look at the schema only when the key is the event's own", async () => {
    const validate = jest.fn(() => ({ value: {} }));
    const { send, notices, steps } = bench({
      secret: { 'User.LoggedIn': 'a', 'User.Created': 'b' },
      schemas: { 'User.LoggedIn': schema(validate) },
    });
    expect(await send(login, 'b')).toMatchObject({
      reason: 'wrong_key_for_event',
      eventName: 'User.LoggedIn',
      status: 403,
    });
    expect(validate).not.toHaveBeenCalled();
    expect(steps()).toEqual(['received', 'verified', 'rejected']);
    expect(notices[1]?.[1]).toMatchObject({ keys: [1] });
    expect((await send(login, 'a')).status).toBe(200);
    expect(validate).toHaveBeenCalledTimes(1);
  });

  test('reserve only what the schema takes', async () => {
    const store = spyStore();
    const { send } = bench({
      dedupe: store,
      schemas: { 'User.LoggedIn': schema(() => ({ issues: [{ message: 'no' }] })) },
    });
    expect((await send(login)).status).toBe(422);
    expect(store.reserve).not.toHaveBeenCalled();
    const outcome = await send(sampleEvent('User.Created'));
    expect(store.reserve.mock.calls).toEqual([['delivery' in outcome && outcome.delivery.id]]);
  });

  test('report a duplicate, and whether it joined a running delivery', async () => {
    const { webhooks, send, notices } = bench();
    webhooks.on('User.LoggedIn', async () => {});
    const outcomes = await Promise.all([send(login), send(login)]);
    const later = await send(login);
    expect(outcomes[1]).toBe(outcomes[0]);
    expect(later).toMatchObject({ kind: 'duplicate', event: login, delivery: { attempt: 1 } });
    expect(notices.filter(([name]) => name === 'duplicate')).toMatchObject([
      ['duplicate', { joined: true, event: login, delivery: { known: true } }],
      ['duplicate', { joined: false, event: login, delivery: { known: true } }],
    ]);
  });

  test('name the event that another process runs', async () => {
    const { send, notices } = bench({ dedupe: { ...spyStore(), reserve: () => ({ state: 'running' }) } });
    expect(await send(login)).toMatchObject({ reason: 'running_elsewhere', eventName: 'User.LoggedIn', status: 409 });
    expect(notices.at(-1)).toMatchObject(['rejected', { reason: 'running_elsewhere', eventName: 'User.LoggedIn' }]);
  });

  test('end in 500 and report the cause when a step itself fails', async () => {
    const { webhooks, notices } = bench();
    const headers = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('broken headers');
        },
      },
    );
    expect(await webhooks.receive({ rawBody: '{}', headers })).toMatchObject({ reason: 'internal', status: 500 });
    expect(notices.at(-1)).toMatchObject(['rejected', { code: 'ERR_INTERNAL', cause: { message: 'broken headers' } }]);
  });
});

describe('a schema of yours', () => {
  test.each([
    ['zod', z.object({ email: z.string().transform((text) => text.toUpperCase()) })],
    [
      'valibot',
      v.object({
        email: v.pipe(
          v.string(),
          v.transform((text: string) => text.toUpperCase()),
        ),
      }),
    ],
    ['an asynchronous one', z.object({ email: z.string().transform(async (text) => text.toUpperCase()) })],
  ])('of %s puts its output in place of data', async (_what, given) => {
    const { webhooks, send } = bench({ schemas: { 'User.LoggedIn': given } });
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    expect((await send(login)).kind).toBe('handled');
    expect(handler).toHaveBeenCalledWith({ ...login, data: { email: 'JOHNDOE1@EXAMPLE.COM' } }, expect.anything());
  });

  test('refuses what does not fit: 422, no handler, and the paths in the cause', async () => {
    const { webhooks, send, notices } = bench({
      schemas: { 'User.LoggedIn': z.object({ email: z.number(), deep: z.object({ er: z.array(z.string()) }) }) },
    });
    const handler = jest.fn();
    webhooks.onAny(handler);
    const outcome = await send(sampleEvent('User.LoggedIn', { data: { email: 'x', deep: { er: ['a', 1] } } as never }));
    expect(outcome).toMatchObject({
      reason: 'schema_mismatch',
      status: 422,
      eventName: 'User.LoggedIn',
      cause: { message: expect.stringMatching(/^data\.email: .*; data\.deep\.er\.1: /) },
    });
    expect(notices.at(-1)).toMatchObject(['rejected', { reason: 'schema_mismatch', eventName: 'User.LoggedIn' }]);
    expect(handler).not.toHaveBeenCalled();
  });

  test("with 'deliver', delivers it as it was sent and reports the paths", async () => {
    const { webhooks, send, notices, steps } = bench({
      schemas: { 'User.LoggedIn': v.object({ email: v.number() }) },
      onSchemaMismatch: 'deliver',
    });
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    const outcome = await send(login);
    expect(handler.mock.calls[0]?.[0]).toEqual(login);
    expect(steps()).toEqual(['received', 'verified', 'drift', 'handled']);
    expect(notices[2]?.[1]).toEqual({
      event: login,
      delivery: 'delivery' in outcome && outcome.delivery,
      issues: [{ path: 'data.email', message: expect.any(String) }],
    });
  });

  test("with 'deliver', still puts the output of what fits in place", async () => {
    const { webhooks, send, steps } = bench({
      schemas: { 'User.LoggedIn': schema(() => ({ value: 'output' })) },
      onSchemaMismatch: 'deliver',
    });
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    await send(login);
    expect(handler).toHaveBeenCalledWith({ ...login, data: 'output' }, expect.anything());
    expect(steps()).not.toContain('drift');
  });

  test.each<[string, (data: unknown) => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('my bug');
      },
      /^my bug$/,
    ],
    [
      'rejects',
      async () => {
        throw 'my bug';
      },
      /my bug/,
    ],
    ['never answers', () => new Promise(() => {}), /^The schema did not finish within 20 ms$/],
    ['answers nothing', () => undefined, /undefined/],
    ['answers null', async () => null, /null/],
  ])('that %s is 500, for you to see, under either policy', async (_how, validate, said) => {
    for (const onSchemaMismatch of ['reject', 'deliver'] as const) {
      const { webhooks, send, notices } = bench({
        schemas: { 'User.LoggedIn': schema(validate) },
        onSchemaMismatch,
        timeoutMs: { handler: 20 },
      });
      const handler = jest.fn();
      webhooks.onAny(handler);
      expect(await send(login)).toMatchObject({ reason: 'schema_failed', code: 'ERR_SCHEMA_FAILED', status: 500 });
      expect(notices.at(-1)).toMatchObject([
        'rejected',
        { eventName: 'User.LoggedIn', cause: { message: expect.stringMatching(said) } },
      ]);
      expect(handler).not.toHaveBeenCalled();
    }
  });

  test('is waited for when its promise comes from elsewhere', async () => {
    const foreign = vm.runInNewContext('async () => ({ issues: [{ message: "no" }] })') as () => unknown;
    const { webhooks, send } = bench({ schemas: { 'User.LoggedIn': schema(foreign) } });
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    expect((await send(login)).status).toBe(422);
    expect(handler).not.toHaveBeenCalled();
  });

  test('is asked about the data of its own event and no other', async () => {
    const validate = jest.fn((data: unknown) => ({ value: data }));
    const { send } = bench({ schemas: { 'User.LoggedIn': schema(validate) } });
    for (const name of ['User.Created', 'User.LoggedIn']) await send({ ...login, event: name });
    expect(validate.mock.calls).toEqual([[login.data]]);
  });

  test('may give paths in every form of the standard, or none', async () => {
    const issues = [{ message: 'one', path: ['a', { key: 'b' }, 0] }, { message: 'two' }];
    const { send } = bench({ schemas: { 'User.LoggedIn': schema(() => ({ issues })) } });
    expect(await send(login)).toMatchObject({ cause: { message: 'data.a.b.0: one; data: two' } });
  });
});

describe('an event that deviates from the published shape', () => {
  test('is delivered as it was sent, with a notice naming the paths', async () => {
    const { webhooks, send, notices, steps } = bench();
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    const odd = { event: 'User.LoggedIn', account_id: 'x', data: { email: 7, more: true }, extra: 1 };
    expect((await send(odd)).kind).toBe('handled');
    expect(handler.mock.calls[0]?.[0]).toEqual(odd);
    expect(steps()).toEqual(['received', 'verified', 'drift', 'handled']);
    const paths = ['account_id', 'data.email', 'data.grant_type', 'data.scopes'];
    expect(notices[2]).toMatchObject(['drift', { issues: paths.map((path) => ({ path })) }]);
  });

  test('is reported once, and not again for a duplicate', async () => {
    const { send, steps } = bench();
    await send({ event: 'Email.Sent' });
    await send({ event: 'Email.Sent' });
    expect(steps()).toEqual(['received', 'verified', 'drift', 'unhandled', 'received', 'verified', 'duplicate']);
  });

  test('is reported together with the issues that a schema of yours finds', async () => {
    const { send, notices } = bench({
      schemas: { 'Email.Sent': v.object({ id: v.number() }) },
      onSchemaMismatch: 'deliver',
    });
    await send({ event: 'Email.Sent', ip: 7, data: {} });
    expect(notices[2]).toMatchObject(['drift', { issues: [{ path: 'ip' }, { path: 'data.id' }] }]);
  });

  test.each([
    ['the sample', login],
    ['unpublished members', { ...login, event_id: 'x', data: { ...login.data, more: 1 } }],
    ['the newer envelope', { event: 'Email.Opened', timestamp: '2026-09-01T10:00:00Z', data: { email_id: 'x' } }],
    ['an unknown name', { event: 'Email.Deferred', data: {} }],
  ])('does not include %s', async (_what, payload) => {
    const { send, steps } = bench();
    await send(payload);
    expect(steps()).toEqual(['received', 'verified', 'unhandled']);
  });
});

describe('handleVerified()', () => {
  test('handles what is not signed, and reports no verification', async () => {
    const { webhooks, steps } = bench();
    const handler = jest.fn();
    webhooks.onAny(handler);
    expect(await webhooks.handleVerified({ rawBody: JSON.stringify(login) })).toMatchObject({ status: 200 });
    expect(handler).toHaveBeenCalledTimes(1);
    expect(steps()).toEqual(['received', 'unhandled']);
  });

  test('passes the headers on without credentials and signatures', async () => {
    const { webhooks } = bench();
    const seen: object[] = [];
    webhooks.onAny((_, { headers }) => void seen.push(headers));
    const headers = { 'X-Signature': 'anything', authorization: 'Bearer token', 'x-trace': '7' };
    await webhooks.handleVerified({ rawBody: JSON.stringify(login), headers });
    expect(seen).toEqual([{ 'x-trace': '7' }]);
  });

  test('makes every other check', async () => {
    const { webhooks } = bench({ schemas: { 'User.LoggedIn': z.null() }, limit: 1_000 });
    const handle = async (rawBody: string) => (await webhooks.handleVerified({ rawBody })).status;
    expect(await handle('[]')).toBe(400);
    expect(await handle(JSON.stringify(login))).toBe(422);
    expect(await handle(' '.repeat(1_001))).toBe(413);
    expect(await webhooks.handleVerified({ rawBody: login } as never)).toMatchObject({ reason: 'body_consumed' });
  });

  test('runs a delivery once, also when receive() handled it before', async () => {
    const { webhooks, send } = bench();
    expect(await send(login)).toMatchObject({ kind: 'unhandled' });
    expect(await webhooks.handleVerified({ rawBody: JSON.stringify(login) })).toMatchObject({ kind: 'duplicate' });
  });

  test('does not apply maxAgeMs', async () => {
    const { webhooks } = bench({ maxAgeMs: 1 });
    const old = { ...login, created_on: 1 };
    expect(await webhooks.handleVerified({ rawBody: JSON.stringify(old) })).toMatchObject({ status: 200 });
  });

  test('gets 503 after close()', async () => {
    const { webhooks } = bench();
    await webhooks.close();
    expect(await webhooks.handleVerified({ rawBody: '{}' })).toMatchObject({ status: 503, reason: 'closing' });
  });
});
