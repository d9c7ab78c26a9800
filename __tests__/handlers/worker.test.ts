import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as z from 'zod';
import type {
  Attempt,
  AttemptResult,
  CompletedHandlers,
  LeasedDelivery,
  RouterInbox,
  WorkerOptions,
} from '../../src/delivery/stored-delivery.js';
import { Validator } from '../../src/events/validator.js';
import { Dispatcher } from '../../src/handlers/dispatcher.js';
import { ANY } from '../../src/handlers/registry.js';
import { startWorker } from '../../src/handlers/worker.js';
import { Hooks } from '../../src/instrumentation/hooks.js';
import { createLog } from '../../src/instrumentation/logger.js';
import { Outage } from '../../src/instrumentation/outage.js';
import { PermanentError, WebhookError } from '../../src/shared/errors.js';
import { InFlight } from '../../src/shared/in-flight.js';
import { sampleEvent } from '../../src/testing/index.js';
import { recordingLogger } from '../helpers/harness.js';

const outages: Outage[] = [];
afterEach(() => {
  for (const outage of outages.splice(0)) outage.close();
});

/** A worker on an inbox that hands out what the test leases. */
function bench(schema?: StandardSchemaV1) {
  const notices: [name: string, notice: object][] = [];
  const hooks = new Hooks(() => {});
  hooks.subscribe({ notified: (name, notice) => notices.push([name, notice]) });
  const logger = recordingLogger();
  const outage = new Outage(createLog(logger), true, { began: 'began', continues: (count) => count, ended: 'ended' });
  outages.push(outage);
  const schemas = new Map(schema === undefined ? [] : [['User.LoggedIn', schema]]);
  const validator = new Validator(schemas, { timeoutMs: 60_000, onMismatch: 'reject' });
  const dispatcher = new Dispatcher(60_000, hooks, () => {});
  const inFlight = new InFlight();
  let attempt: Attempt = () => Promise.reject(new Error('The worker has not started.'));
  let workOptions: WorkerOptions | undefined;
  const durable = { stop: async () => {} };
  const inbox: RouterInbox = {
    store: async () => 'stored',
    work(given, options) {
      attempt = given;
      workOptions = options;
      return durable;
    },
    close: async () => {},
  };
  const worker = startWorker(inbox, 7, { validator, dispatcher, hooks, inFlight, outage });
  if (workOptions === undefined) throw new Error('The worker did not start.');
  return {
    ...{ dispatcher, durable, inFlight, notices, worker, workOptions },
    logged: () => logger.lines.map(({ message }) => message),
    run: (leased: LeasedDelivery): Promise<AttemptResult> => attempt(leased),
  };
}

const EVENT = sampleEvent('User.LoggedIn');

function leased(parts: Partial<LeasedDelivery> = {}): LeasedDelivery {
  const rawBody = parts.rawBody ?? Buffer.from(JSON.stringify(EVENT));
  return {
    id: createHash('sha256').update(rawBody).digest('hex'),
    event: EVENT.event,
    rawBody,
    headers: { 'user-agent': 'Cakemail' },
    receivedAt: new Date('2026-01-02T03:04:05Z'),
    attempt: 3,
    completed: new Map(),
    ...parts,
  };
}

const permanent = (): never => {
  throw new PermanentError('never');
};
const boom = (): never => {
  throw new Error('boom');
};

test('the worker works on the inbox with the given concurrency', () => {
  const { worker, durable, workOptions } = bench();
  expect(worker).toBe(durable);
  expect(workOptions.concurrency).toBe(7);
});

test('handlers get the stored delivery, and the attempt is handled', async () => {
  const { dispatcher, run } = bench();
  const handler = jest.fn();
  dispatcher.handlers.add(['User.LoggedIn'], handler);
  const { id, rawBody, headers, receivedAt, ...rest } = leased();

  expect(await run({ id, rawBody, headers, receivedAt, ...rest })).toEqual({ state: 'handled' });

  const [[event, delivery] = []] = handler.mock.calls;
  expect(event).toEqual(EVENT);
  expect(delivery).toMatchObject({ id, rawBody, receivedAt, headers, attempt: 3, eventName: 'User.LoggedIn' });
  expect(delivery.occurredAt).toEqual(new Date(1627069315_000));
});

test('an attempt for which no `on` handler is registered is unhandled', async () => {
  const { dispatcher, run } = bench();
  dispatcher.handlers.add([ANY], () => {});
  expect(await run(leased())).toEqual({ state: 'unhandled' });
});

describe('an attempt whose handlers fail', () => {
  test('has failed, and is tried again, unless all of them failed permanently', async () => {
    const { dispatcher, run } = bench();
    dispatcher.handlers.add(['User.LoggedIn'], permanent);
    const unsubscribe = dispatcher.handlers.add(['User.LoggedIn'], boom);
    expect(await run(leased())).toMatchObject({
      state: 'failed',
      error: { name: 'HandlerError', errors: [{ message: 'never' }, { message: 'boom' }] },
    });
    unsubscribe();
    expect(await run(leased())).toMatchObject({
      state: 'dead',
      reason: 'permanent_error',
      error: { name: 'HandlerError', errors: [{ message: 'never' }] },
    });
  });

  test('runs only the handlers that are not completed when it is repeated', async () => {
    const { dispatcher, run } = bench();
    const succeeding = jest.fn();
    const failing = jest.fn(boom);
    dispatcher.handlers.add(['User.LoggedIn'], succeeding, 'succeeding');
    dispatcher.handlers.add(['User.LoggedIn'], failing, 'failing');
    const completed: CompletedHandlers = new Map();

    expect(await run(leased({ completed: completed }))).toMatchObject({ state: 'failed' });
    failing.mockReset();
    expect(await run(leased({ completed: completed }))).toEqual({ state: 'handled' });

    expect([succeeding.mock.calls.length, failing.mock.calls.length]).toEqual([1, 1]);
    expect(Object.fromEntries(completed)).toEqual({ succeeding: 'succeeded', failing: 'succeeded' });
  });

  test('ends as a dead letter when a handler had failed permanently before and the others succeed now', async () => {
    const { dispatcher, run } = bench();
    dispatcher.handlers.add(['User.LoggedIn'], permanent, 'permanent');
    const failing = jest.fn(boom);
    dispatcher.handlers.add(['User.LoggedIn'], failing, 'failing');
    const completed: CompletedHandlers = new Map();

    expect(await run(leased({ completed: completed }))).toMatchObject({ state: 'failed' });
    failing.mockReset();
    expect(await run(leased({ completed: completed }))).toEqual({
      state: 'dead',
      reason: 'permanent_error',
      error: {
        name: 'PermanentError',
        message: 'A handler failed permanently in an earlier attempt, and all others succeeded.',
      },
    });
  });
});

describe('an event that its schema', () => {
  test('refuses becomes a dead letter, whose error has the paths and not the words of the schema', async () => {
    const schema = z.object({ email: z.string().refine(() => false, 'johndoe1@example.com is refused') });
    const { dispatcher, run } = bench(schema);
    const handler = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], handler);
    const verdict = await run(leased());
    expect(verdict).toMatchObject({
      state: 'dead',
      reason: 'schema_mismatch',
      error: { code: 'ERR_SCHEMA_MISMATCH', cause: { issues: [{ path: 'data.email' }] } },
    });
    const { error } = { error: undefined, ...verdict };
    expect(error).toBeInstanceOf(WebhookError);
    expect(`${error} ${(error as unknown as Error).cause}`).not.toContain('johndoe1');
    expect(handler).not.toHaveBeenCalled();
  });

  test('could not check is tried again', async () => {
    const { run } = bench({ '~standard': { version: 1, vendor: 'test', validate: boom } });
    expect(await run(leased())).toMatchObject({ state: 'failed', error: { code: 'ERR_SCHEMA_FAILED' } });
  });
});

test.each([
  ['are not JSON', { rawBody: Buffer.from('{') }, 'The stored bytes are not_json'],
  ['are not an event', { rawBody: Buffer.from('{}') }, 'The stored bytes are no_event_name'],
  ['have another id', { id: '0'.repeat(64) }, 'The stored bytes belong to another id'],
])('stored bytes that %s become a dead letter', async (_what, parts, message) => {
  const { dispatcher, run } = bench();
  const handler = jest.fn();
  dispatcher.handlers.add([ANY], handler);
  expect(await run(leased(parts))).toEqual({
    state: 'dead',
    reason: 'not_readable',
    error: { name: 'Error', message },
  });
  expect(handler).not.toHaveBeenCalled();
});

test('an attempt after the handlers were aborted has failed, and is tried again', async () => {
  const { dispatcher, run } = bench();
  dispatcher.abortAll(new Error('closing'));
  expect(await run(leased())).toMatchObject({ state: 'failed', error: { code: 'ERR_CLOSING' } });
});

test('an attempt never rejects', async () => {
  const { run } = bench();
  const unreadable = Object.defineProperty(leased(), 'headers', { get: boom });
  expect(await run(unreadable)).toEqual({ state: 'failed', error: new Error('boom') });
});

test('a shutdown waits for a running attempt', async () => {
  const { dispatcher, inFlight, run } = bench();
  let end = (): void => {};
  dispatcher.handlers.add(
    ['User.LoggedIn'],
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  const running = run(leased());
  await turn();
  const closed = jest.fn();
  const closing = inFlight.close(60_000).then(closed);
  await turn();
  expect(closed).not.toHaveBeenCalled();
  end();
  await closing;
  expect(closed).toHaveBeenCalledWith(true);
  expect(await running).toEqual({ state: 'handled' });
});

test('a dead letter is reported to the hooks', () => {
  const { workOptions, notices } = bench();
  const { id, event, rawBody, headers, receivedAt } = leased();
  const error = new Error('boom');
  workOptions.onDeadLetter({ id, event, rawBody, headers, receivedAt }, 'attempts_exhausted', error);
  expect(notices).toEqual([['dead', { id, eventName: event, reason: 'attempts_exhausted', error }]]);
});

test('an outage of the store begins with its first failure and ends with the next delivery', async () => {
  const { workOptions, run, logged } = bench();
  workOptions.onStoreError(new Error('the server is away'));
  expect(logged()).toEqual(['began']);
  await run(leased());
  expect(logged()).toEqual(['began', 'ended']);
});
