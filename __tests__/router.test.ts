import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import type express from 'express';
import request from 'supertest';
import {
  createWebhookRouter,
  type Delivery,
  type EventName,
  type Outcome,
  type SecretInput,
  type SecretsSource,
  type WebhookRouter,
  type WebhookRouterOptions,
} from '../src/index.js';
import { sampleEvent, signedRequest } from '../src/testing/index.js';
import { createApp, SECRET } from './helpers/harness.js';

let serial = 0;

/** Lets a router receive an event that is unlike any before. */
function receive(webhooks: WebhookRouter, name: string, headers: Record<string, string> = {}): Promise<Outcome> {
  serial += 1;
  const signed = signedRequest(sampleEvent(name as EventName, { account_id: serial }), { secret: SECRET });
  return webhooks.receive({ rawBody: signed.rawBody, headers: { ...headers, ...signed.headers } });
}

function router(options: Partial<WebhookRouterOptions> = {}): WebhookRouter {
  return createWebhookRouter({ secret: SECRET, logger: {}, ...options });
}

const boom = (): never => {
  throw new Error('boom');
};

describe('on', () => {
  test('runs the handler for its event only, with the event and its delivery', async () => {
    const webhooks = router();
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    await receive(webhooks, 'User.Created');
    expect(handler).not.toHaveBeenCalled();
    await receive(webhooks, 'User.LoggedIn');
    expect(handler.mock.calls).toEqual([
      [
        { ...sampleEvent('User.LoggedIn'), account_id: expect.any(Number) },
        expect.objectContaining({ attempt: 1, known: true }),
      ],
    ]);
  });

  test('takes a list of names and patterns, and runs once for an event that several of them cover', async () => {
    const webhooks = router();
    const names: string[] = [];
    webhooks.on(['Email.Sent', 'Email.*', 'User.Created'], ({ event }) => void names.push(event));
    for (const name of ['Email.Sent', 'Email.Opened', 'User.Created', 'User.Deleted']) await receive(webhooks, name);
    expect(names).toEqual(['Email.Sent', 'Email.Opened', 'User.Created']);
  });

  test('takes a pattern, which covers names of its group that are yet to come', async () => {
    const webhooks = router();
    const seen: [string, boolean][] = [];
    webhooks.on('Email.*', ({ event }, { known }) => void seen.push([event, known]));
    for (const name of ['Email.Sent', 'Email.Deferred', 'EmailLog.Sent', 'User.Created']) await receive(webhooks, name);
    expect(seen).toEqual([
      ['Email.Sent', true],
      ['Email.Deferred', false],
    ]);
  });

  test('returns a function that removes only this registration', async () => {
    const webhooks = router();
    const handler = jest.fn();
    const unsubscribe = webhooks.on(['User.LoggedIn', 'Email.*'], handler);
    webhooks.on('User.LoggedIn', handler);
    unsubscribe();
    unsubscribe();
    await receive(webhooks, 'User.LoggedIn');
    await receive(webhooks, 'Email.Sent');
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('waits for all handlers, side by side', async () => {
    const webhooks = router();
    const steps: string[] = [];
    for (const name of ['a', 'b']) {
      webhooks.on('User.LoggedIn', async () => {
        steps.push(`${name} starts`);
        await turn();
        steps.push(`${name} ends`);
      });
    }
    await receive(webhooks, 'User.LoggedIn');
    expect(steps).toEqual(['a starts', 'b starts', 'a ends', 'b ends']);
  });

  test.each([[[]], [''], [['User.LoggedIn', '']], [undefined], [null], [7], [['User.LoggedIn', Symbol.iterator]]])(
    'refuses %p as a name',
    (name) => {
      const webhooks = router();
      for (const method of ['on', 'off'] as const) {
        expect(() => webhooks[method](name as EventName, () => {})).toThrow(
          expect.objectContaining({ name: 'ConfigurationError', code: 'ERR_OPTION_INVALID' }),
        );
      }
    },
  );

  test.each([[undefined], [null], ['handler'], [{}]])('refuses %p as a handler', (handler) => {
    const webhooks = router();
    const wrong = handler as unknown as () => void;
    const refused = expect.objectContaining({ code: 'ERR_OPTION_INVALID' });
    expect(() => webhooks.on('User.LoggedIn', wrong)).toThrow(refused);
    expect(() => webhooks.onAny(wrong)).toThrow(refused);
    expect(() => webhooks.onUnhandled(wrong)).toThrow(refused);
    expect(() => webhooks.onError(wrong)).toThrow(refused);
  });
});

describe('off', () => {
  test('removes a handler for these names and no others', async () => {
    const webhooks = router();
    const [handler, other] = [jest.fn(), jest.fn()];
    webhooks.on(['User.LoggedIn', 'User.Created', 'Email.*'], handler);
    webhooks.on('User.LoggedIn', other);
    webhooks.off(['User.LoggedIn', 'Email.*'], handler);
    for (const name of ['User.LoggedIn', 'Email.Sent', 'User.Created']) await receive(webhooks, name);
    expect(handler.mock.calls.map(([{ event }]) => event)).toEqual(['User.Created']);
    expect(other).toHaveBeenCalledTimes(1);
  });

  test('of a handler that was never there does nothing', async () => {
    const webhooks = router();
    expect(webhooks.off('User.LoggedIn', () => {})).toBeUndefined();
    expect((await receive(webhooks, 'User.LoggedIn')).kind).toBe('unhandled');
  });
});

describe('onAny and onUnhandled', () => {
  test('onAny gets every verified event, known or not, handled or not', async () => {
    const webhooks = router();
    const seen: [string, boolean][] = [];
    webhooks.on('User.LoggedIn', () => {});
    webhooks.onAny(({ event }, { known }) => void seen.push([event, known]));
    for (const name of ['User.LoggedIn', 'User.Created', 'Future.Event']) await receive(webhooks, name);
    await webhooks.receive({ rawBody: '{}', headers: {} });
    expect(seen).toEqual([
      ['User.LoggedIn', true],
      ['User.Created', true],
      ['Future.Event', false],
    ]);
  });

  test('onUnhandled gets those that no name and no pattern covers, and says whether they are known', async () => {
    const webhooks = router();
    const seen: [string, boolean][] = [];
    webhooks.on('User.LoggedIn', () => {});
    webhooks.on('Email.*', () => {});
    webhooks.onAny(() => {});
    webhooks.onUnhandled(({ event }, { known }) => void seen.push([event, known]));
    const outcomes: string[] = [];
    for (const name of ['User.LoggedIn', 'Email.Deferred', 'User.Created', 'toString']) {
      outcomes.push((await receive(webhooks, name)).kind);
    }
    expect(outcomes).toEqual(['handled', 'handled', 'unhandled', 'unhandled']);
    expect(seen).toEqual([
      ['User.Created', true],
      ['toString', false],
    ]);
  });

  test('both can be unsubscribed, and both can fail a delivery', async () => {
    const webhooks = router();
    const stopAny = webhooks.onAny(boom);
    const stopUnhandled = webhooks.onUnhandled(boom);
    expect((await receive(webhooks, 'User.LoggedIn')).kind).toBe('failed');
    stopAny();
    expect((await receive(webhooks, 'User.LoggedIn')).kind).toBe('failed');
    stopUnhandled();
    expect((await receive(webhooks, 'User.LoggedIn')).kind).toBe('unhandled');
  });
});

describe('onError', () => {
  test('gets each failure of each handler with its delivery', async () => {
    const webhooks = router();
    const told: [string, Delivery][] = [];
    webhooks.on('User.LoggedIn', boom);
    webhooks.on('User.*', async () => {
      throw 'bang';
    });
    webhooks.onError((error, delivery) => void told.push([error.message, delivery]));
    const outcome = await receive(webhooks, 'User.LoggedIn');
    const delivery = 'delivery' in outcome ? outcome.delivery : undefined;
    expect(told).toEqual([
      ['boom', delivery],
      ['A value that is not an Error was thrown: bang', delivery],
    ]);
  });

  test('is not called for rejected deliveries', async () => {
    const webhooks = router();
    const told = jest.fn();
    webhooks.onError(told);
    await webhooks.receive({ rawBody: '{}', headers: {} });
    expect(told).not.toHaveBeenCalled();
  });

  test('can be unsubscribed', async () => {
    const webhooks = router();
    const told = jest.fn();
    webhooks.on('User.LoggedIn', boom);
    webhooks.onError(told)();
    await receive(webhooks, 'User.LoggedIn');
    expect(told).not.toHaveBeenCalled();
  });
});

describe('what the developer must see', () => {
  let emitWarning: jest.SpyInstance;
  beforeEach(() => {
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => {
    emitWarning.mockRestore();
  });

  test.each([
    ['User.LogedIn', " Did you mean 'User.LoggedIn'?"],
    ['email.opened', " Did you mean 'Email.Opened'?"],
    ['Emails.*', " Did you mean 'Email.*'?"],
    ['Something.QuiteDifferent', ''],
  ])('a name that is not published, %s, is warned of through the logger', async (name, hint) => {
    const warn = jest.fn();
    const webhooks = router({ logger: { warn } });
    webhooks.on(name as EventName, () => {});
    const said = `on(): Cakemail publishes no event '${name}'.${hint}`;
    expect(warn.mock.calls).toEqual([[{ code: 'WARN_EVENT_NAME' }, said]]);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('without a logger it is a process warning, once', () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.on('User.LogedIn' as EventName, () => {});
    webhooks.on('User.LogedIn' as EventName, () => {});
    expect(emitWarning.mock.calls).toEqual([
      [
        "on(): Cakemail publishes no event 'User.LogedIn'. Did you mean 'User.LoggedIn'?",
        { type: 'CakemailWebhooksWarning', code: 'WARN_EVENT_NAME' },
      ],
    ]);
  });

  test('names and patterns that are published are not warned of', () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.on(['User.LoggedIn', 'MFA.*', 'SuppressedEmailsExport.Deleted'], () => {});
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('a misspelt name still gets its events: it may be new', async () => {
    const webhooks = router();
    const handler = jest.fn();
    webhooks.on('Email.Deferred' as EventName, handler);
    await receive(webhooks, 'Email.Deferred');
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('a failing handler that nothing else reports is a process warning, once, with its stack', async () => {
    const { deliver, webhooks } = createApp();
    webhooks.on('User.LoggedIn', boom);
    await deliver('User.LoggedIn');
    await deliver('User.LoggedIn');
    expect(emitWarning.mock.calls).toEqual([
      [
        expect.stringMatching(/handler of 'User.LoggedIn' failed.*`logger`.*onError/),
        {
          type: 'CakemailWebhooksWarning',
          code: 'ERR_HANDLER_FAILED',
          detail: expect.stringMatching(/^Error: boom\n +at /),
        },
      ],
    ]);
  });

  test.each<[string, Partial<WebhookRouterOptions>, (webhooks: WebhookRouter) => unknown]>([
    ['a logger', { logger: { error: () => {} } }, () => {}],
    ['onError', {}, (webhooks) => webhooks.onError(() => {})],
    ['a listener', {}, (webhooks) => webhooks.lifecycle.on('failed', () => {})],
    ["the app's error middleware", { errors: 'next' }, () => {}],
  ])('a failing handler that %s reports is not', async (_what, options, watch) => {
    const { app, deliver, webhooks } = createApp(options);
    const answer: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.sendStatus(500);
    app.use(answer);
    watch(webhooks);
    webhooks.on('User.LoggedIn', boom);
    expect((await deliver('User.LoggedIn')).status).toBe(500);
    expect(emitWarning).not.toHaveBeenCalled();
  });
});

describe('receive', () => {
  test('resolves to what became of the delivery', async () => {
    const webhooks = router();
    webhooks.on('User.LoggedIn', () => {});
    webhooks.on('User.Created', boom);
    const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });

    const outcomes = [
      await webhooks.receive(signed),
      await webhooks.receive(signed),
      await receive(webhooks, 'User.Deleted'),
      await receive(webhooks, 'User.Created'),
      await webhooks.receive({ rawBody: signed.rawBody, headers: {} }),
      await webhooks.receive(signedRequest('[]', { secret: SECRET })),
    ];

    expect(outcomes).toMatchObject([
      { kind: 'handled', status: 200, event: { event: 'User.LoggedIn' }, delivery: { attempt: 1 } },
      { kind: 'duplicate', status: 200, event: { event: 'User.LoggedIn' } },
      { kind: 'unhandled', status: 200 },
      { kind: 'failed', status: 500, code: 'ERR_HANDLER_FAILED', error: { errors: [{ message: 'boom' }] } },
      { kind: 'rejected', status: 403, code: 'ERR_SIGNATURE', reason: 'missing' },
      { kind: 'rejected', status: 400, code: 'ERR_PAYLOAD', reason: 'not_object' },
    ]);
  });

  test('takes a whole Fetch Headers object', async () => {
    const { rawBody, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
    expect((await router().receive({ rawBody, headers: new Headers(headers) })).status).toBe(200);
  });

  test.each([[undefined], [null], [{}], [{ headers: {} }], [{ rawBody: 'x' }], [{ rawBody: {}, headers: null }]])(
    'never rejects, not even for %p',
    async (incoming) => {
      const outcome = await router().receive(incoming as never);
      expect(outcome.kind).toBe('rejected');
      expect(outcome.status).toBeGreaterThanOrEqual(400);
    },
  );
});

describe('a delivery', () => {
  async function deliveryOf(payload: object, headers: Record<string, string> = {}): Promise<[Delivery, Buffer]> {
    const webhooks = router();
    const signed = signedRequest(payload, { secret: SECRET });
    let delivery: Delivery | undefined;
    webhooks.onAny((_event, given) => {
      delivery = given;
    });
    await webhooks.receive({ rawBody: signed.rawBody, headers: { ...headers, ...signed.headers } });
    if (delivery === undefined) throw new Error('it did not arrive');
    return [delivery, signed.rawBody];
  }

  test('has the SHA-256 of its bytes as its id, and the bytes', async () => {
    const [delivery, bytes] = await deliveryOf(sampleEvent('User.LoggedIn'));
    expect(delivery.id).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(delivery.id).toMatch(/^[0-9a-f]{64}$/);
    expect(Buffer.isBuffer(delivery.rawBody)).toBe(true);
    expect(delivery.rawBody.equals(bytes)).toBe(true);
  });

  test('has the headers in lower case, without what is secret', async () => {
    const [{ headers }] = await deliveryOf(sampleEvent('User.LoggedIn'), {
      Authorization: 'Bearer x',
      'Proxy-Authorization': 'Basic x',
      Cookie: 'session=x',
      'Set-Cookie': 'session=x',
      'X-Cakemail-Signature': 'x',
      'X-Request-Id': '42',
    });
    expect(headers).toEqual({ 'content-type': 'application/json', 'x-request-id': '42' });
  });

  test('knows when it was received', async () => {
    const before = Date.now();
    const [{ receivedAt }] = await deliveryOf(sampleEvent('User.LoggedIn'));
    expect(receivedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(receivedAt.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test.each([
    [{ created_on: 1627069315 }, '2021-07-23T19:41:55.000Z'],
    [{ timestamp: '2026-09-01T10:00:00Z' }, '2026-09-01T10:00:00.000Z'],
    [{}, undefined],
    [{ timestamp: 'yesterday' }, undefined],
  ])('that says %j happened at %s', async (time, expected) => {
    const [{ occurredAt }] = await deliveryOf({ event: 'Email.Sent', data: {}, ...time });
    expect(occurredAt?.toISOString()).toBe(expected);
    if (expected === undefined) expect(occurredAt).toBeNull();
  });

  test('says whether its event is known', async () => {
    const [[published], [unpublished]] = [
      await deliveryOf(sampleEvent('Email.Sent')),
      await deliveryOf({ event: 'Email.Deferred', data: {} }),
    ];
    expect([published.known, unpublished.known]).toEqual([true, false]);
  });

  test('counts its attempts, also of those that came before a success', async () => {
    const webhooks = router();
    const attempts: number[] = [];
    webhooks.on('User.LoggedIn', (_event, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) boom();
    });
    const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
    for (let sent = 0; sent < 4; sent++) await webhooks.receive(signed);
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('has a signal that aborts when time is up, and not before', async () => {
    const webhooks = router({ timeoutMs: { handler: 20 } });
    let before: boolean | undefined;
    let reason: unknown;
    webhooks.on('User.LoggedIn', (_event, { signal }) => {
      before = signal.aborted;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(signal.reason);
        });
      });
    });
    expect(await receive(webhooks, 'User.LoggedIn')).toMatchObject({ code: 'ERR_HANDLER_TIMEOUT' });
    expect(before).toBe(false);
    expect(reason).toMatchObject({ code: 'ERR_HANDLER_TIMEOUT' });
  });

  test('that was handled in time has a signal that never aborts', async () => {
    const [{ signal }] = await deliveryOf(sampleEvent('User.LoggedIn'));
    expect(signal.aborted).toBe(false);
  });
});

describe('as middleware', () => {
  const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });

  test.each(['respond', 'next'] as const)(
    'with errors: %j it leaves a response that another layer has sent, and logs the handler that fails',
    async (errors) => {
      const [error, afterwards] = [jest.fn(), jest.fn()];
      const webhooks = router({ errors, logger: { error } });
      webhooks.on('User.LoggedIn', boom);
      const rejected = new Promise((resolve) => webhooks.lifecycle.on('failed', resolve));
      const server = createServer((req, res) => {
        res.writeHead(202).end();
        webhooks(req, res, afterwards);
      });
      expect((await request(server).post('/').set(signed.headers).send(signed.body)).status).toBe(202);
      await rejected;
      await turn();
      expect(error.mock.calls.map(([, message]) => message)).toEqual(['handler failed']);
    },
  );
});

describe('close', () => {
  test('resolves at once when nothing runs, and may be called again', async () => {
    const webhooks = router();
    await Promise.all([webhooks.close(), webhooks.close()]);
    await webhooks.close();
    expect(await receive(webhooks, 'User.LoggedIn')).toMatchObject({ reason: 'closing', status: 503 });
  });

  test.each([Number.POSITIVE_INFINITY, 2 ** 31])('with a patience of %d ms waits', async (timeoutMs) => {
    const webhooks = router();
    let finish = (): void => {};
    webhooks.on(
      'User.LoggedIn',
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const running = receive(webhooks, 'User.LoggedIn');
    await turn();
    const closed = webhooks.close({ timeoutMs });
    await new Promise((resolve) => setTimeout(resolve, 20)); // a delay that overflows fires after one
    finish();
    expect((await running).kind).toBe('handled');
    await closed;
  });

  test('keys that arrive after it gave up start no handler', async () => {
    let arrive = (_key: string): void => {};
    const webhooks = createWebhookRouter({
      secrets: () =>
        new Promise<string>((resolve) => {
          arrive = resolve;
        }),
      logger: {},
    });
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    const waiting = receive(webhooks, 'User.LoggedIn');
    await turn();
    await webhooks.close({ timeoutMs: 10 });
    arrive(SECRET);
    expect(await waiting).toMatchObject({ status: 503, reason: 'closing', eventName: 'User.LoggedIn' });
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('a source that is called again when a signature matches none of its keys', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const delivery = (secret: string) => signedRequest(sampleEvent('User.LoggedIn'), { secret });

  test('decides with the newer keys', async () => {
    const answers: SecretInput[] = ['old', ['old', { id: 'wh-2', key: 'new' }]];
    const source = jest.fn(async () => answers.shift() ?? 'unexpected');
    const webhooks = createWebhookRouter({ secrets: Object.assign(source, { isCached: true }), logger: {} });
    const verified = jest.fn();
    webhooks.lifecycle.on('verified', verified);
    expect(await webhooks.receive(delivery('new'))).toMatchObject({ status: 200 });
    expect(verified.mock.calls.map(([{ keys, ids }]) => [keys, ids])).toEqual([[[1], ['wh-2']]]);
    expect(source.mock.calls).toEqual([[{ refresh: false }], [{ refresh: true }]]);
  });

  test.each<[string, () => unknown]>([
    ['has no newer keys', () => 'old'],
    ['rejects', () => Promise.reject(new Error('away'))],
    ['returns nonsense', async () => 42],
  ])('leaves a forgery one when it %s', async (_, renew) => {
    const answers = [() => 'old', renew];
    const secrets = Object.assign(() => answers.shift()?.(), { isCached: true }) as SecretsSource;
    const webhooks = createWebhookRouter({ secrets, logger: {} });
    expect(await webhooks.receive(delivery('neither'))).toMatchObject({ status: 403, reason: 'mismatch' });
  });

  test('is called for a signature that matches none of the keys, but not twice in 30 seconds', async () => {
    const clock = { now: Math.round(performance.now()) };
    jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
    const source = jest.fn(() => 'old');
    const webhooks = createWebhookRouter({ secrets: source, logger: {} });
    const calls = async (secret: string) => {
      await webhooks.receive(delivery(secret));
      return source.mock.calls.length;
    };
    expect(await calls('forged')).toBe(1);
    clock.now += 30_000;
    expect(await calls('old')).toBe(1);
    expect(await calls('forged')).toBe(2);
    expect(await calls('forged')).toBe(2);
  });

  test('is not called again for a malformed signature', async () => {
    const source = jest.fn(() => 'old');
    const webhooks = createWebhookRouter({ secrets: Object.assign(source, { isCached: true }), logger: {} });
    const { body } = delivery('old');
    await webhooks.receive({ rawBody: body, headers: { 'x-signature': 'nonsense' } });
    expect(source).not.toHaveBeenCalled();
  });
});

test('subscribedEvents() tells the published names that have handlers, patterns by all their names', () => {
  const webhooks = createWebhookRouter({ secret: 'key', logger: {} });
  expect(webhooks.subscribedEvents()).toEqual([]);
  webhooks.onAny(() => {});
  webhooks.onUnhandled(() => {});
  const off = webhooks.on(['User.LoggedIn', 'Sender.*'], () => {});
  webhooks.on('Account.Created', () => {});
  webhooks.on('Invoice.Paid' as 'User.LoggedIn', () => {});
  expect(webhooks.subscribedEvents()).toEqual([
    'Account.Created',
    'User.LoggedIn',
    'Sender.Created',
    'Sender.Updated',
    'Sender.Deleted',
    'Sender.Confirmed',
    'Sender.ConfirmationEmailSent',
  ]);
  off();
  expect(webhooks.subscribedEvents()).toEqual(['Account.Created']);
});
