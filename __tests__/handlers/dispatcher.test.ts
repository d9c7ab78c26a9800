import { setImmediate as turn } from 'node:timers/promises';
import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import { Dispatcher } from '../../src/handlers/dispatcher.js';
import { ANY, UNHANDLED } from '../../src/handlers/registry.js';
import { Observers } from '../../src/instrumentation/hooks.js';
import { createLifecycle, type LifecycleEmitter } from '../../src/instrumentation/lifecycle.js';
import { sampleEvent } from '../../src/testing/index.js';

interface Bench {
  readonly dispatcher: Dispatcher;
  readonly events: LifecycleEmitter;
  readonly notices: [name: string, notice: object][];
  readonly reported: string[];
}

/** A dispatcher with everything it tells written down. */
function bench(timeoutMs = 60_000): Bench {
  const notices: [string, object][] = [];
  const reported: string[] = [];
  const events = createLifecycle(() => {});
  const dispatcher = new Dispatcher(
    timeoutMs,
    events,
    ({ message }) => reported.push(message),
    new Observers(() => {}),
  );
  for (const name of ['handled', 'unhandled', 'failed', 'late'] as const) {
    events.on(name, (notice: object) => void notices.push([name, notice]));
  }
  return { dispatcher, events, notices, reported };
}

const event = sampleEvent('User.LoggedIn');

function delivery(): VerifiedDelivery {
  return new VerifiedDelivery(Buffer.from(JSON.stringify(event)), null, event.event, {}, []);
}

const boom = (): never => {
  throw new Error('boom');
};

test('a handler that succeeds makes the delivery handled', async () => {
  const { dispatcher, notices } = bench();
  const handler = jest.fn();
  dispatcher.handlers.add(['User.LoggedIn'], handler);
  const given = delivery();

  const outcome = await dispatcher.dispatch(event, given);

  expect(handler.mock.calls).toEqual([[event, given]]);
  expect(outcome).toMatchObject({ kind: 'handled', status: 200, event, delivery: given });
  expect(notices).toEqual([['handled', { event, delivery: given, durationMs: expect.any(Number) }]]);
});

test('a delivery that only onAny and onUnhandled get is unhandled', async () => {
  const { dispatcher, notices } = bench();
  const [any, unhandled] = [jest.fn(), jest.fn()];
  dispatcher.handlers.add([ANY], any);
  dispatcher.handlers.add([UNHANDLED], unhandled);

  expect(await dispatcher.dispatch(event, delivery())).toMatchObject({ kind: 'unhandled', status: 200 });
  expect(notices.map(([name]) => name)).toEqual(['unhandled']);
  expect([any.mock.calls.length, unhandled.mock.calls.length]).toEqual([1, 1]);
});

test('how long the handlers took is told in milliseconds', async () => {
  const { dispatcher, notices } = bench();
  dispatcher.handlers.add(['User.LoggedIn'], () => turn());
  const before = performance.now();
  await dispatcher.dispatch(event, delivery());
  const most = performance.now() - before;
  const [[, notice] = []] = notices;
  expect(notice).toHaveProperty('durationMs', expect.any(Number));
  const { durationMs } = { durationMs: Number.NaN, ...notice };
  expect(durationMs).toBeGreaterThan(0);
  expect(durationMs).toBeLessThanOrEqual(most);
});

test('failures make the delivery failed, once, with every error', async () => {
  const { dispatcher, notices } = bench();
  const told = jest.fn();
  dispatcher.handlers.add(['User.LoggedIn'], boom);
  dispatcher.handlers.add(['User.LoggedIn'], () => {});
  dispatcher.handlers.add(['User.*'], async () => {
    throw new Error('bang');
  });
  dispatcher.addErrorHandler(told);
  const given = delivery();

  const outcome = await dispatcher.dispatch(event, given);

  expect(outcome).toMatchObject({
    kind: 'failed',
    status: 500,
    code: 'ERR_HANDLER_FAILED',
    error: { errors: [{ message: 'boom' }, { message: 'bang' }] },
    delivery: given,
    event,
  });
  expect(notices).toEqual([
    ['failed', { event, delivery: given, error: 'error' in outcome && outcome.error, durationMs: expect.any(Number) }],
  ]);
  expect(told.mock.calls.map(([error, about]) => [error.message, about])).toEqual([
    ['boom', given],
    ['bang', given],
  ]);
});

test('a handler out of time aborts the signal, and its later failure is told apart', async () => {
  const { dispatcher, notices } = bench(20);
  const told = jest.fn();
  let reject = (_reason: Error): void => {};
  dispatcher.handlers.add(
    ['User.LoggedIn'],
    () =>
      new Promise((_, no) => {
        reject = no;
      }),
  );
  dispatcher.addErrorHandler(told);
  const given = delivery();

  const outcome = await dispatcher.dispatch(event, given);
  expect(outcome).toMatchObject({ kind: 'failed', code: 'ERR_HANDLER_TIMEOUT' });
  expect(given.signal.reason).toMatchObject({ code: 'ERR_HANDLER_TIMEOUT' });

  const error = new Error('later');
  reject(error);
  await turn();
  expect(notices).toEqual([
    ['failed', expect.anything()],
    ['late', { event, delivery: given, error }],
  ]);
  expect(told.mock.calls.at(-1)).toEqual([error, given]);
});

describe('giveUp', () => {
  test('ends every delivery that runs, and none that is done', async () => {
    const { dispatcher } = bench();
    const done = delivery();
    await dispatcher.dispatch(event, done);
    dispatcher.handlers.add(['User.LoggedIn'], () => new Promise(() => {}));
    const running = [delivery(), delivery()];
    const outcomes = Promise.all(running.map((each) => dispatcher.dispatch(event, each)));
    const reason = new Error('closing');

    expect(dispatcher.gaveUp).toBe(false);
    dispatcher.giveUp(reason);
    expect(dispatcher.gaveUp).toBe(true);

    expect((await outcomes).map(({ kind }) => kind)).toEqual(['failed', 'failed']);
    expect(running.map(({ signal }) => signal.reason)).toEqual([reason, reason]);
    expect(done.signal.aborted).toBe(false);
  });
});

describe('error handlers', () => {
  test('all are told; what they throw or reject with is reported', async () => {
    const { dispatcher, reported } = bench();
    const told = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], boom);
    dispatcher.addErrorHandler(() => {
      throw new Error('sync');
    });
    dispatcher.addErrorHandler(async () => {
      throw new Error('async');
    });
    dispatcher.addErrorHandler(told);

    expect((await dispatcher.dispatch(event, delivery())).kind).toBe('failed');
    await turn();
    expect(told).toHaveBeenCalledTimes(1);
    expect(reported).toEqual(['sync', 'async']);
  });

  test('the returned function takes back one registration', async () => {
    const { dispatcher } = bench();
    const told = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], boom);
    const cancel = dispatcher.addErrorHandler(told);
    dispatcher.addErrorHandler(told);
    cancel();
    cancel();
    await dispatcher.dispatch(event, delivery());
    expect(told).toHaveBeenCalledTimes(1);
  });
});

test('knows whether it has error handlers', () => {
  const { dispatcher } = bench();
  expect(dispatcher.hasErrorHandlers).toBe(false);
  const cancel = dispatcher.addErrorHandler(() => {});
  expect(dispatcher.hasErrorHandlers).toBe(true);
  cancel();
  expect(dispatcher.hasErrorHandlers).toBe(false);
});
