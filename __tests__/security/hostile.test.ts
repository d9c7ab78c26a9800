import { createHash } from 'node:crypto';
import { createWebhookRouter, type DedupeStore, type Reservation } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { createApp, SECRET } from '../helpers/harness.js';
import { gate } from '../helpers/waiting.js';

// The app's own code, at its worst. Whatever it does, the sender gets an answer and the process lives:
// jest fails a test during which a promise is rejected unseen.

/** Throws when it is only asked what it is. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const login = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });

describe('thrown values that cannot be read', () => {
  test.each<[string, () => unknown]>([
    [
      'a handler',
      () => {
        throw revoked();
      },
    ],
    ['an async handler', () => Promise.reject(revoked())],
  ])('34. an unreadable value that %s throws fails the delivery, and the sibling runs', async (_by, handler) => {
    const { webhooks, deliver } = createApp({ logger: {} });
    const sibling = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    webhooks.on('User.LoggedIn', sibling);
    expect((await deliver('User.LoggedIn')).body.error.code).toBe('ERR_HANDLER_FAILED');
    expect(sibling).toHaveBeenCalledTimes(1);
  });

  test.each<[string, () => unknown]>([
    [
      'a listener',
      () => {
        throw revoked();
      },
    ],
    ['an async listener', () => Promise.reject(revoked())],
  ])('35. an unreadable value that %s throws leaves the response to a rejection as it is', async (_by, listener) => {
    const { webhooks, deliver } = createApp();
    webhooks.lifecycle.on('rejected', listener);
    expect((await deliver('User.LoggedIn', 'another key')).status).toBe(403);
  });

  test('33. an unreadable value that a store throws after the handlers ran leaves the outcome as it is', async () => {
    const dedupe: DedupeStore = {
      reserve: () => ({ state: 'reserved' }),
      finish: () => Promise.reject(revoked()),
      release: () => {},
    };
    const { webhooks, deliver } = createApp({ dedupe, logger: {} });
    webhooks.on('User.LoggedIn', () => {});
    expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'handled' });
  });
});

describe('an error that resists being read', () => {
  test.each(['stack', 'message'])('34. an error whose %s cannot be read still gives 500', async (member) => {
    const warning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { webhooks, deliver } = createApp();
    webhooks.on('User.LoggedIn', () => {
      throw Object.defineProperty(new Error('boom'), member, {
        get() {
          throw new Error('not me');
        },
      });
    });
    expect((await deliver('User.LoggedIn')).status).toBe(500);
    warning.mockRestore();
  });
});

test('34. a handler whose promise has a `then` that throws fails once', async () => {
  const { webhooks, deliver } = createApp({ logger: {} });
  const onError = jest.fn();
  webhooks.onError(onError);
  webhooks.on('User.LoggedIn', () =>
    Object.assign(Promise.resolve(), {
      // biome-ignore lint/suspicious/noThenProperty: that is the attack
      then() {
        throw new Error('boom');
      },
    }),
  );
  expect((await deliver('User.LoggedIn')).body.error.code).toBe('ERR_HANDLER_FAILED');
  expect(onError).toHaveBeenCalledTimes(1);
});

test('34. a handler that writes to its delivery is still timed out', async () => {
  const { webhooks, deliver } = createApp({ timeoutMs: { handler: 20 }, logger: {} });
  webhooks.on('User.LoggedIn', (_event, delivery) => {
    Object.assign(delivery, { abort: 1 });
    return new Promise(() => {});
  });
  expect((await deliver('User.LoggedIn')).body.error.code).toBe('ERR_HANDLER_TIMEOUT');
});

test('34. a handler that overwrites the bytes does not change the id', async () => {
  const webhooks = createWebhookRouter({ secret: SECRET, dedupe: false });
  const ids: string[] = [];
  webhooks.on('User.LoggedIn', (_event, delivery) => void delivery.rawBody.fill(0));
  webhooks.on('User.LoggedIn', (_event, delivery) => void ids.push(delivery.id, { ...delivery }.id));
  const id = createHash('sha256').update(login.body).digest('hex');
  await webhooks.receive({ rawBody: Buffer.from(login.body), headers: login.headers });
  expect(ids).toEqual([id, id]);
});

test('34. a handler that deletes the name of its event changes neither the log nor the response', async () => {
  const { webhooks, deliver } = createApp({ logger: {} });
  webhooks.on('User.LoggedIn', (event) => {
    Reflect.deleteProperty(event, 'event');
  });
  expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'handled' });
});

test('31. a content-length that a middleware changed does not change the bytes that are read', async () => {
  const { webhooks, deliver } = createApp(
    {},
    {
      before: [
        (req, _res, next) => {
          req.headers['content-length'] = '5';
          next();
        },
      ],
    },
  );
  const handler = jest.fn();
  webhooks.onAny(handler);
  expect((await deliver('User.LoggedIn')).status).toBe(200);
  const long = sampleEvent('User.Created', { data: { text: 'x'.repeat(200_000) } });
  expect((await deliver(long)).status).toBe(200);
  expect(handler).toHaveBeenCalledTimes(2);
});

test('33. a reservation that a store grants too late is released, so that the retry can run', async () => {
  let grant: (reservation: Reservation) => void = () => {};
  let claimed = false;
  const released = jest.fn(() => {
    claimed = false;
  });
  const dedupe: DedupeStore = {
    reserve: () => {
      if (claimed) return { state: 'running' };
      claimed = true;
      return new Promise((resolve) => {
        grant = resolve;
      });
    },
    finish: () => {},
    release: released,
  };
  const webhooks = createWebhookRouter({ secret: SECRET, dedupe, timeoutMs: { dependency: 20 } });
  expect(await webhooks.receive(login)).toMatchObject({ reason: 'dedupe_unavailable' });
  grant({ state: 'reserved', token: 'mine' });
  await new Promise(setImmediate);
  expect(released).toHaveBeenCalledWith(expect.any(String), 'mine');
});

test('33. a reservation that a store grants in time is not released', async () => {
  const calls: string[] = [];
  const dedupe: DedupeStore = {
    reserve: async () => ({ state: 'reserved' }),
    finish: () => calls.push('finish'),
    release: () => calls.push('release'),
  };
  await createWebhookRouter({ secret: SECRET, dedupe }).receive(login);
  expect(calls).toEqual(['finish']);
});

describe('a map of keys', () => {
  test('18. a map of keys that is turned inside out shows no key', () => {
    const warn = jest.fn();
    createWebhookRouter({ secret: { 'sk-a-real-key': 'Email.Sent' } as object, logger: { warn } });
    expect(JSON.stringify(warn.mock.calls)).toContain('publishes no event');
    expect(JSON.stringify(warn.mock.calls)).not.toContain('sk-a-real-key');
    expect(() => createWebhookRouter({ secret: { 'sk-a-real-key': '' } as object })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('sk-a-real-key') }),
    );
  });

  test('10. neither a map of keys nor schemas take a pattern, because it would cover nothing', () => {
    expect(() => createWebhookRouter({ secret: { 'Email.*': 'key' } as object })).toThrow('is a pattern');
    const schemas = { 'Email.*': { '~standard': { version: 1, vendor: 'mine', validate: () => ({ value: 1 }) } } };
    expect(() => createWebhookRouter({ secret: SECRET, schemas: schemas as object })).toThrow('is a pattern');
  });
});

test('35. the log stays on when every listener is removed', async () => {
  const info = jest.fn();
  const { webhooks, deliver } = createApp({ logger: { info } });
  webhooks.on('User.LoggedIn', () => {});
  webhooks.lifecycle.removeAllListeners();
  await deliver('User.LoggedIn');
  expect(info).toHaveBeenCalledWith(expect.objectContaining({ eventName: 'User.LoggedIn' }), 'handled');
});

test.each([Number.NaN, -1])('39. close() waits for the default time when its timeout is %p', async (timeoutMs) => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] });
  try {
    const webhooks = createWebhookRouter({ secret: SECRET });
    const { opened, open } = gate();
    webhooks.on('User.LoggedIn', () => opened);
    const running = webhooks.receive(login);
    const closed = webhooks.close({ timeoutMs });
    await jest.advanceTimersByTimeAsync(1_000); // a delay of NaN or less would fire after one
    open();
    expect((await running).kind).toBe('handled');
    await closed;
  } finally {
    jest.useRealTimers();
  }
});
