import { execFile } from 'node:child_process';
import { Console } from 'node:console';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import pino from 'pino';
import * as z from 'zod';
import { SchemaIssuesError } from '../../src/events/schemas.js';
import {
  createWebhookRouter,
  HandlerError,
  type LifecycleNotices,
  type Logger,
  PermanentError,
  type WebhookRouter,
} from '../../src/index.js';
import { LOG_NOTICES, writeNotice } from '../../src/instrumentation/log-lines.js';
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

describe('what the developer must see', () => {
  test('is a warning of the logger, every time, with its code and what lies behind it', () => {
    const warn = jest.fn();
    const log = createLog({ warn });
    const err = new Error('behind it');
    log.warnDeveloper('CODE', 'message');
    log.warnDeveloper('CODE', 'message', err);
    expect(warn.mock.calls).toEqual([
      [{ code: 'CODE' }, 'message'],
      [{ code: 'CODE', err }, 'message'],
    ]);
  });

  test('is a process warning without one, once a message and router', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      const log = createLog(undefined);
      const err = new Error('behind it');
      log.warnDeveloper('CODE', 'message');
      log.warnDeveloper('CODE', 'message');
      log.warnDeveloper('CODE', 'another', err);
      createLog(undefined).warnDeveloper('CODE', 'message');
      const type = 'CakemailWebhooksWarning';
      expect(emitWarning.mock.calls).toEqual([
        ['message', { type, code: 'CODE' }],
        ['another', { type, code: 'CODE', detail: err.stack }],
        ['message', { type, code: 'CODE' }],
      ]);
      log.write('error', {}, 'nothing else is');
      expect(emitWarning).toHaveBeenCalledTimes(3);
    } finally {
      emitWarning.mockRestore();
    }
  });
});

describe('process warnings about events that the sender names', () => {
  let emitWarning: jest.SpyInstance;
  beforeEach(() => {
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => {
    emitWarning.mockRestore();
  });

  test('47. a router gives ten warnings for each code, and then one that says that further ones are not shown', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.onAny(() => {
      throw new Error('boom');
    });
    for (let index = 0; index < 500; index++) {
      await webhooks.receive(signedRequest({ event: `Email.Sent${index}`, data: {} }, { secret: SECRET }));
    }
    const warnings = emitWarning.mock.calls.map(([message]) => String(message));
    expect(warnings).toHaveLength(11);
    expect(warnings[0]).toContain("'Email.Sent0'");
    expect(warnings[9]).toContain("'Email.Sent9'");
    expect(warnings[10]).toBe('Further warnings with this code are not shown.');
    webhooks.on('User.LogedIn' as never, () => {});
    expect(emitWarning).toHaveBeenCalledTimes(12);
  });

  test('47. a warning holds only the beginning of a long error message', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.onAny(() => {
      throw new Error('x'.repeat(200_000));
    });
    await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET }));
    const [[, options] = []] = emitWarning.mock.calls as unknown as [string, { detail: string }][];
    expect(options?.detail).toMatch(/^Error: xxx/);
    expect(options?.detail.length).toBeLessThanOrEqual(4_000);
  });

  test('49. a warning shows nothing of the error of a schema, because its message may quote the payload', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.on('User.LoggedIn', (event) => {
      z.object({ email: z.number('johndoe1@example.com') }).parse(event.data);
    });
    await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET }));
    expect(emitWarning.mock.calls).toEqual([
      [expect.stringContaining('User.LoggedIn'), { type: 'CakemailWebhooksWarning', code: 'ERR_HANDLER_FAILED' }],
    ]);
  });
});

test('49. text from outside does not steer the terminal on which process warnings are printed', async () => {
  const source = join(__dirname, process.env['BUILT'] ? '../../dist/cjs' : '../../src');
  const program = `
    import { createWebhookRouter } from '${source}/index.js';
    import { signedRequest } from '${source}/testing/index.js';
    const webhooks = createWebhookRouter({ secret: 'key' });
    const attack = 'A\\u001b[2J\\u009b2J\\u0007\\u007f\\u2028\\r\\nforged line';
    webhooks.on(attack, () => {});
    webhooks.onAny(() => { throw new Error(attack); });
    await webhooks.receive(signedRequest({ event: attack, data: {} }, { secret: 'key' }));`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', program];
  const { stderr } = await promisify(execFile)(process.execPath, args, { cwd: join(__dirname, '../..') });
  expect(stderr).toContain('ERR_HANDLER_FAILED');
  expect(stderr).toContain('WARN_EVENT_NAME');
  expect(stderr).toContain('forged line');
  expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  expect(stderr).not.toMatch(/^forged line/m);
});

describe('the lines', () => {
  /** The lines that a notice makes. */
  function linesOf<N extends keyof LifecycleNotices>(name: N, notice: object): unknown[] {
    const lines: unknown[] = [];
    const write = (level: LogLevel, fields: object, message: string): unknown => lines.push([level, fields, message]);
    writeNotice({ write, warnDeveloper: () => {} }, name, notice as LifecycleNotices[N]);
    return lines;
  }

  test('are one for every notice there is', () => {
    const names = ['received', 'verified', 'rejected', 'drift', 'handled', 'unhandled', 'failed', 'late', 'duplicate'];
    expect([...LOG_NOTICES].sort()).toEqual([...names, 'stored', 'dead'].sort());
  });

  test('of a dead letter hold its id, why it is one, and the classes of the errors without their messages', () => {
    const notice = { id: 'a1', eventName: 'Email.Sent', reason: 'attempts_exhausted' };
    const told = { eventName: 'Email.Sent', delivery: 'a1', reason: 'attempts_exhausted' };
    const handlers = new HandlerError([new TypeError('one@example.com'), new PermanentError('two@example.com')]);
    expect(linesOf('dead', { ...notice, error: handlers })).toEqual([
      ['error', { ...told, code: 'ERR_HANDLER_FAILED', errorNames: ['TypeError', 'PermanentError'] }, 'dead letter'],
    ]);
    expect(linesOf('dead', { ...notice, error: { name: 'Error', message: 'The process ended.' } })).toEqual([
      ['error', { ...told, errorNames: ['Error'] }, 'dead letter'],
    ]);
  });

  test.each(['failed', 'late'] as const)('of a %s delivery hold what the handler threw', (name) => {
    const error = new HandlerError([new TypeError('boom')]);
    const notice = {
      event: sampleEvent('User.LoggedIn'),
      delivery: { id: 'a1', attempt: 1, eventName: 'User.LoggedIn' },
      error,
    };
    expect(linesOf(name, notice)).toMatchObject([['error', { err: error }, expect.any(String)]]);
  });

  test('of a handler that threw the error of a schema hold its class and its paths, and not its message', () => {
    const { error } = z
      .object({ data: z.object({ email: z.number('one@example.com') }) })
      .safeParse({ data: { email: '' } });
    const failure = new HandlerError([new TypeError('boom'), error as Error]);
    const notice = {
      event: sampleEvent('User.LoggedIn'),
      delivery: { id: 'a1', attempt: 1, eventName: 'User.LoggedIn' },
      error: failure,
    };
    const [line] = linesOf('failed', { ...notice, durationMs: 1 }) as [unknown[]];
    expect(line[1]).toEqual({
      ...{ eventName: 'User.LoggedIn', delivery: 'a1', attempt: 1, code: 'ERR_HANDLER_FAILED', durationMs: 1 },
      ...{ errorNames: ['TypeError', 'ZodError'], paths: ['data.email'] },
    });
  });

  test('hold names from outside without control characters', () => {
    const name = 'A\u001b[2J\u009b\u007f\n\u2028\u202eB';
    const shown = 'A?[2J?????B';
    const event = { ...sampleEvent('User.LoggedIn'), event: name };
    expect(
      linesOf('handled', { event, delivery: { id: 'a1', attempt: 1, eventName: name }, durationMs: 1 }),
    ).toMatchObject([['info', { eventName: shown }, 'handled']]);
    expect(linesOf('rejected', { reason: 'wrong_key_for_event', status: 403, eventName: name })).toMatchObject([
      ['warn', { eventName: shown }, 'rejected'],
    ]);
    const issues = [{ path: `data.${name}`, message: '' }];
    expect(linesOf('drift', { event, delivery: { id: 'a1', attempt: 1, eventName: name }, issues })).toMatchObject([
      ['warn', { paths: [`data.${shown}`] }, expect.any(String)],
    ]);
    expect(
      linesOf('dead', { id: 'a1', eventName: name, reason: 'not_readable', error: { name, message: '' } }),
    ).toMatchObject([['error', { eventName: shown, errorNames: [shown] }, 'dead letter']]);
  });

  test.each([
    [400, 'not_json', 'warn'],
    [499, 'not_json', 'warn'],
    [500, 'body_consumed', 'error'],
    [503, 'closing', 'error'],
    [400, 'body_aborted', 'debug'],
    [503, 'inbox_unavailable', 'debug'],
  ])('of a rejection with %i %s are of level %s', (status, reason, level) => {
    const fields = { reason, code: 'ERR_PAYLOAD', status, ...(status >= 500 && { help: expect.any(String) }) };
    expect(linesOf('rejected', { ...fields, eventName: undefined, cause: undefined })).toEqual([
      [level, fields, 'rejected'],
    ]);
  });

  test('of a rejection hold its cause as err, and a name of at most 128 characters', () => {
    const cause = new Error('why');
    const notice = { reason: 'keys_unavailable', code: 'ERR_KEYS_UNAVAILABLE', status: 503, cause };
    expect(linesOf('rejected', { ...notice, eventName: 'x'.repeat(128) })).toMatchObject([
      ['error', { eventName: 'x'.repeat(128), err: cause }, 'rejected'],
    ]);
    expect(linesOf('rejected', { ...notice, eventName: 'x'.repeat(129) })).toMatchObject([
      ['error', { eventName: `${'x'.repeat(128)}…` }, 'rejected'],
    ]);
  });

  test('of an event that a schema refused hold the paths, and of a schema that threw the class of its error', () => {
    const refused = { reason: 'schema_mismatch', code: 'ERR_SCHEMA_MISMATCH', status: 422, eventName: 'Email.Sent' };
    const cause = new SchemaIssuesError([{ path: 'data.email', message: 'one@example.com' }]);
    expect(linesOf('rejected', { ...refused, cause })).toEqual([
      ['warn', { ...refused, errorNames: ['SchemaIssuesError'], paths: ['data.email'] }, 'rejected'],
    ]);
    const threw = { reason: 'schema_failed', code: 'ERR_SCHEMA_FAILED', status: 500, eventName: 'Email.Sent' };
    expect(linesOf('rejected', { ...threw, cause: new TypeError('one@example.com') })).toEqual([
      ['error', { ...threw, errorNames: ['TypeError'], help: expect.any(String) }, 'rejected'],
    ]);
  });
});
