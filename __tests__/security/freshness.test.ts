import { createHash } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import type { RouterInbox } from '../../src/delivery/stored-delivery.js';
import { ConfigurationError, createWebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import { inspector } from '../../src/inspector/index.js';
import { internalsOf } from '../../src/internals.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { createApp, SECRET, startApp } from '../helpers/harness.js';
import { dial, hangUp, head } from '../helpers/raw-http.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

const NOW = Date.parse('2026-11-24T12:00:00Z');
const MAX_AGE_MS = 300_000;

/** An event that was signed so many seconds ago. */
const signedAgo = (seconds: number) => sampleEvent('User.LoggedIn', { created_on: NOW / 1000 - seconds });

function receiver(options: Partial<WebhookRouterOptions> = {}) {
  const webhooks = createWebhookRouter({ secret: SECRET, maxAgeMs: MAX_AGE_MS, logger: {}, ...options });
  const handler = jest.fn();
  webhooks.onAny(handler);
  const send = (payload: object) => webhooks.receive(signedRequest(payload, { secret: SECRET }));
  return { webhooks, handler, send };
}

describe('with maxAgeMs', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: NOW, doNotFake: ['setImmediate', 'nextTick', 'setTimeout', 'performance'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('50. an event of exactly maxAgeMs is accepted, and an older one is refused', async () => {
    const { handler, send } = receiver();
    expect(await send(signedAgo(300))).toMatchObject({ status: 200 });
    expect(handler).toHaveBeenCalledTimes(1);
    expect(await send(signedAgo(301))).toMatchObject({
      kind: 'rejected',
      reason: 'too_old',
      code: 'ERR_SIGNATURE',
      status: 403,
      eventName: 'User.LoggedIn',
      cause: { message: 'The event is 301000 ms old, and maxAgeMs allows 300000 ms.' },
    });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('50. the ISO 8601 timestamp counts when created_on is absent, and future times are accepted', async () => {
    const { send } = receiver();
    const at = (ms: number) => ({ event: 'Email.Opened', timestamp: new Date(NOW + ms).toISOString() });
    expect(await send(at(-MAX_AGE_MS))).toMatchObject({ status: 200 });
    expect(await send(at(-MAX_AGE_MS - 1))).toMatchObject({ reason: 'too_old' });
    expect(await send(at(86_400_000))).toMatchObject({ status: 200 });
  });

  test.each([{}, { created_on: null }, { created_on: '1627069315' }, { timestamp: 'yesterday' }])(
    '50. an event with the times %j is refused',
    async (times) => {
      const { handler, send } = receiver();
      expect(await send({ event: 'Email.Opened', ...times })).toMatchObject({
        reason: 'too_old',
        status: 403,
        cause: { message: expect.stringContaining('no readable time') },
      });
      expect(handler).not.toHaveBeenCalled();
    },
  );

  test('50. a replay is refused before the dedupe memory is asked', async () => {
    const store = { reserve: jest.fn(() => ({ state: 'finished' as const })), finish: () => {}, release: () => {} };
    const { send } = receiver({ dedupe: store });
    expect(await send(signedAgo(301))).toMatchObject({ reason: 'too_old' });
    expect(store.reserve).not.toHaveBeenCalled();
  });

  test('50. an event that is too old is not stored in the inbox', async () => {
    const inbox = { store: jest.fn(async () => 'stored' as const), work: jest.fn(), close: async () => {} };
    const { send } = receiver({ inbox: inbox as unknown as RouterInbox, worker: false });
    expect(await send(signedAgo(301))).toMatchObject({ reason: 'too_old' });
    expect(inbox.store).not.toHaveBeenCalled();
    expect(await send(signedAgo(299))).toMatchObject({ status: 202 });
    expect(inbox.store).toHaveBeenCalledTimes(1);
  });

  test('50. a delivery that an inbox already holds is handled at any age', async () => {
    let attempt: Parameters<RouterInbox['work']>[0] | undefined;
    const inbox: RouterInbox = {
      store: async () => 'stored',
      work: (given) => {
        attempt = given;
        return { stop: async () => {} };
      },
      close: async () => {},
    };
    const { webhooks, handler } = receiver({ inbox, worker: false });
    webhooks.work();
    const rawBody = Buffer.from(JSON.stringify(signedAgo(86_400)));
    const id = createHash('sha256').update(rawBody).digest('hex');
    const leased = { id, event: 'User.LoggedIn', rawBody, headers: {}, receivedAt: new Date(), attempt: 1 };
    expect(await attempt?.({ ...leased, completed: new Map() })).toEqual({ state: 'unhandled' });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('50. the inspector may run an old delivery again', async () => {
    const { webhooks, handler } = receiver();
    inspector(webhooks).close();
    const rawBody = Buffer.from(JSON.stringify(signedAgo(86_400)));
    const outcome = await internalsOf(webhooks)?.rerun({ headers: {}, rawBody });
    expect(outcome).toMatchObject({ status: 200 });
    expect(handler).toHaveBeenCalledTimes(1);
  });
});

test('50. an event of any age is accepted without maxAgeMs', async () => {
  const { send } = receiver({ maxAgeMs: undefined });
  expect(await send({ event: 'Email.Opened', created_on: 1 })).toMatchObject({ status: 200 });
  expect(await send({ event: 'Email.Opened' })).toMatchObject({ status: 200 });
});

test('50. the sender of an old event gets the same bytes as a forger', async () => {
  const { deliver } = createApp({ maxAgeMs: 1 });
  const [old, forged] = [await deliver('User.LoggedIn'), await deliver('User.LoggedIn', 'another key')];
  expect([old.status, old.text]).toEqual([403, forged.text]);
  expect(forged.status).toBe(403);
});

describe('a signature header whose duplicates Node hides', () => {
  /** Header names that HTTP servers and clients know, some of which Node treats in ways of its own. */
  const CANDIDATES = [
    'accept age authorization cache-control content-encoding content-length content-type cookie date etag expires from',
    'host if-match if-modified-since if-none-match if-unmodified-since last-modified location max-forwards origin',
    'pragma proxy-authorization range referer retry-after server set-cookie user-agent vary via warning',
    'x-signature x-cakemail-signature x-hub-signature x-forwarded-for x-forwarded-host x-real-ip',
  ].flatMap((line) => line.split(' '));

  /** The value that Node gives for a header that is sent twice. */
  function sentTwice(name: string): unknown {
    const req = new IncomingMessage(null as never);
    const addHeaderLine = Reflect.get(req, '_addHeaderLine') as (name: string, value: string, into: object) => void;
    for (const value of ['one', 'two']) addHeaderLine.call(req, name, value, req.headers);
    return req.headers[name];
  }

  test.each(CANDIDATES)('51. the header %s is refused as an option exactly when Node hides its duplicates', (name) => {
    const create = () => createWebhookRouter({ secret: SECRET, signatureHeader: name, logger: {} });
    if (sentTwice(name) === 'one, two') expect(create).not.toThrow();
    else expect(create).toThrow(ConfigurationError);
  });

  test('51. the refusal names the header and says why', () => {
    expect(() => createWebhookRouter({ secret: SECRET, signatureHeader: ['x-signature', 'User-Agent'] })).toThrow(
      "`signatureHeader` cannot be 'user-agent', because Node hides it when that header is sent twice.",
    );
  });

  test('51. a duplicate of an allowed header is refused on a real socket', async () => {
    const { port, webhooks } = await startApp(createApp({ signatureHeader: 'x-hub-signature' }));
    const rejected = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
    const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
    const signature = headers['x-signature'] ?? '';
    const twice = { 'x-hub-signature': signature, 'X-Hub-Signature': signature, 'content-length': body.length };
    await dial(port, head(twice) + body).answer;
    expect(await rejected).toMatchObject({ reason: 'malformed', status: 403 });
  });
});
