import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import pino from 'pino';
import { createWebhookRouter, type Logger, type WebhookRouter } from '../../src/index.js';
import { createLog, type LogLevel } from '../../src/instrumentation/logger.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { SECRET } from '../helpers/harness.js';

/** A stream that keeps its text. */
function sink(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream, text: () => text };
}

const CREDENTIALS = { authorization: 'Bearer a-token-in-a-test', cookie: 'session=a-cookie-in-a-test' };

/** Has a router receive something of every kind. Returns the signatures that were sent. */
async function exercise(logger: Logger): Promise<{ webhooks: WebhookRouter; signatures: string[] }> {
  const webhooks = createWebhookRouter({ secret: SECRET, logger, limit: 1000, timeoutMs: { handler: 20 } });
  const signatures: string[] = [];
  let fail = (_reason: Error): void => {};
  webhooks.on('User.LoggedIn', () => {});
  webhooks.on('User.Deleted', () => {
    throw new Error('the handler');
  });
  webhooks.on(
    'User.Updated',
    () =>
      new Promise((_, reject) => {
        fail = reject;
      }),
  );
  const send = async (payload: object | string, secret = SECRET): Promise<void> => {
    const { rawBody, headers } = signedRequest(payload, { secret });
    signatures.push(headers['x-signature'] ?? '');
    await webhooks.receive({ rawBody, headers: { ...CREDENTIALS, ...headers } });
  };
  for (const name of ['User.LoggedIn', 'User.LoggedIn', 'User.Created', 'User.Deleted', 'User.Updated'] as const) {
    await send(sampleEvent(name));
  }
  fail(new Error('too late'));
  await turn();
  await send({ event: 'Email.Sent' });
  await send(sampleEvent('User.LoggedIn'), 'another key');
  await send('x'.repeat(1001));
  await webhooks.close();
  await send(sampleEvent('User.LoggedIn'));
  return { webhooks, signatures };
}

const TOLD: readonly (readonly [level: LogLevel, msg: string, fields: object])[] = [
  ['info', 'handled', { eventName: 'User.LoggedIn', attempt: 1, durationMs: expect.any(Number) }],
  ['info', 'duplicate', { eventName: 'User.LoggedIn', joined: false }],
  ['info', 'no handler', { eventName: 'User.Created', durationMs: expect.any(Number) }],
  [
    'error',
    'handler failed',
    { eventName: 'User.Deleted', code: 'ERR_HANDLER_FAILED', durationMs: expect.any(Number) },
  ],
  ['error', 'handler failed', { eventName: 'User.Updated', code: 'ERR_HANDLER_TIMEOUT' }],
  ['error', 'handler failed after its time limit', { eventName: 'User.Updated', err: { message: 'too late' } }],
  ['warn', 'deviates from what is published', { eventName: 'Email.Sent', paths: ['data'] }],
  ['info', 'no handler', { eventName: 'Email.Sent' }],
  ['warn', 'rejected', { reason: 'mismatch', code: 'ERR_SIGNATURE', status: 403 }],
  ['warn', 'rejected', { reason: 'body_too_large', status: 413 }],
  ['error', 'rejected', { reason: 'closing', status: 503 }],
];

describe('pino', () => {
  const options = { level: 'debug', formatters: { level: (level: string) => ({ level }) } };

  test('gets a line for every step, with its level, names, ids and errors', async () => {
    const { stream, text } = sink();
    await exercise(pino(options, stream));
    const lines = text()
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(lines.filter(({ level }) => level !== 'debug')).toMatchObject(
      TOLD.map(([level, msg, fields]) => ({ level, msg, ...fields })),
    );
    expect(lines).toMatchObject([
      { level: 'debug', msg: 'received', bytes: expect.any(Number) },
      { level: 'debug', msg: 'signature verified', keys: [0] },
      { delivery: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ...lines.slice(3),
    ]);
    expect(text()).toContain('the handler');
  });

  test('never gets a key, a signature, a credential or a body', async () => {
    const { stream, text } = sink();
    const { signatures } = await exercise(pino(options, stream));
    expect(signatures).toHaveLength(9);
    for (const secret of [SECRET, ...signatures, ...Object.values(CREDENTIALS), 'johndoe1@example.com', 'xxxx']) {
      expect(text()).not.toContain(secret);
    }
  });

  test('keeps to the level it is set to', async () => {
    const { stream, text } = sink();
    await exercise(pino({ ...options, level: 'error' }, stream));
    expect(text().trim().split('\n')).toHaveLength(4);
  });
});

test('a console is a logger', async () => {
  const { stream, text } = sink();
  await exercise(new Console({ stdout: stream, stderr: stream, colorMode: false }));
  for (const [, message] of TOLD) expect(text()).toContain(message);
  expect(text()).toContain("eventName: 'User.LoggedIn'");
  expect(text()).not.toContain(SECRET);
});

test('a logger may have some of the levels only', async () => {
  const error = jest.fn();
  await exercise({ error });
  expect(error).toHaveBeenCalledTimes(4);
});

test('a logger without any level, or of which every level throws, changes nothing', async () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  for (const logger of [{}, { debug: boom, info: boom, warn: boom, error: boom }]) {
    const { webhooks } = await exercise(logger);
    expect((await webhooks.receive(signedRequest('{}', { secret: SECRET }))).kind).toBe('rejected');
  }
});

test('a level is called on its logger', () => {
  class Lines {
    readonly #lines: string[] = [];
    info(_fields: object, message: string): void {
      this.#lines.push(message);
    }
    get all(): readonly string[] {
      return this.#lines;
    }
  }
  const lines = new Lines();
  createLog(lines).write('info', {}, 'kept');
  expect(lines.all).toEqual(['kept']);
});
