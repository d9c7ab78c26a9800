import { setImmediate as turn } from 'node:timers/promises';
import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import type { CompletedHandlers } from '../../src/delivery/stored-delivery.js';
import type { ValidEvent } from '../../src/events/validator.js';
import { Dispatcher } from '../../src/handlers/dispatcher.js';
import { ANY, UNHANDLED } from '../../src/handlers/registry.js';
import { Hooks } from '../../src/instrumentation/hooks.js';
import { PermanentError } from '../../src/shared/errors.js';
import { isPromise } from '../../src/shared/promises.js';
import { sampleEvent } from '../../src/testing/index.js';

interface Bench {
  readonly dispatcher: Dispatcher;
  readonly notices: [name: string, notice: object][];
  readonly reported: string[];
}

/** A dispatcher, and everything that it reports. */
function bench(timeoutMs = 60_000): Bench {
  const notices: [string, object][] = [];
  const reported: string[] = [];
  const hooks = new Hooks(() => {});
  hooks.subscribe({ notified: (name, notice) => notices.push([name, notice]) });
  const dispatcher = new Dispatcher(timeoutMs, hooks, ({ message }) => reported.push(message));
  return { dispatcher, notices, reported };
}

const event = sampleEvent('User.LoggedIn');
const valid: ValidEvent = { event, drift: [] };

function delivery(): VerifiedDelivery {
  return new VerifiedDelivery(Buffer.from(JSON.stringify(event)), event, {}, []);
}

const boom = (): never => {
  throw new Error('boom');
};
const never = (): Promise<never> => new Promise(() => {});

test('a delivery whose handlers succeed is handled', async () => {
  const { dispatcher, notices } = bench();
  const handler = jest.fn(async () => {});
  dispatcher.handlers.add(['User.LoggedIn'], handler);
  const given = delivery();

  const outcome = await dispatcher.dispatch(valid, given);

  expect(handler.mock.calls).toEqual([[event, given]]);
  expect(outcome).toMatchObject({ kind: 'handled', status: 200, event, delivery: given });
  expect(notices).toEqual([['handled', { event, delivery: given, durationMs: expect.any(Number) }]]);
});

test('the outcome is a promise only when a handler is asynchronous', () => {
  const { dispatcher } = bench();
  dispatcher.handlers.add(['User.LoggedIn'], () => {});
  expect(dispatcher.dispatch(valid, delivery())).toMatchObject({ kind: 'handled' });
  dispatcher.handlers.add(['User.LoggedIn'], async () => {});
  expect(isPromise(dispatcher.dispatch(valid, delivery()))).toBe(true);
});

test('a delivery is unhandled when only onAny and onUnhandled handlers get it', async () => {
  const { dispatcher, notices } = bench();
  const [any, unhandled] = [jest.fn(), jest.fn()];
  dispatcher.handlers.add([ANY], any);
  dispatcher.handlers.add([UNHANDLED], unhandled);

  expect(await dispatcher.dispatch(valid, delivery())).toMatchObject({ kind: 'unhandled', status: 200 });
  expect(notices.map(([name]) => name)).toEqual(['unhandled']);
  expect([any.mock.calls.length, unhandled.mock.calls.length]).toEqual([1, 1]);
});

test('handlers are found by the verified name, even when a listener has changed the event', async () => {
  const { dispatcher } = bench();
  const handler = jest.fn();
  dispatcher.handlers.add(['User.LoggedIn'], handler);
  const changed: ValidEvent = { ...valid, event: sampleEvent('Email.Sent') };
  expect(await dispatcher.dispatch(changed, delivery())).toMatchObject({ kind: 'handled' });
  expect(handler).toHaveBeenCalledTimes(1);
});

test('the notice states how many milliseconds the handlers took', async () => {
  const { dispatcher, notices } = bench();
  dispatcher.handlers.add(['User.LoggedIn'], () => turn());
  const before = performance.now();
  await dispatcher.dispatch(valid, delivery());
  const most = performance.now() - before;
  const [[, notice] = []] = notices;
  expect(notice).toHaveProperty('durationMs', expect.any(Number));
  const { durationMs } = { durationMs: Number.NaN, ...notice };
  expect(durationMs).toBeGreaterThan(0);
  expect(durationMs).toBeLessThanOrEqual(most);
});

test('a drift notice precedes the handlers', async () => {
  const { dispatcher, notices } = bench();
  const noticed = jest.fn(() => notices.map(([name]) => name));
  dispatcher.handlers.add(['User.LoggedIn'], noticed);
  const given = delivery();
  const drift = [{ path: 'data.email', message: 'expected string' }];

  await dispatcher.dispatch({ ...valid, drift }, given);

  expect(notices[0]).toEqual(['drift', { event, delivery: given, issues: drift }]);
  expect(noticed.mock.results).toMatchObject([{ value: ['drift'] }]);
});

test('a delivery whose handlers fail is failed once, with every error', async () => {
  const { dispatcher, notices } = bench();
  const errorHandler = jest.fn();
  dispatcher.handlers.add(['User.LoggedIn'], boom);
  dispatcher.handlers.add(['User.LoggedIn'], () => {});
  dispatcher.handlers.add(['User.*'], async () => {
    throw new Error('bang');
  });
  dispatcher.addErrorHandler(errorHandler);
  const given = delivery();

  const outcome = await dispatcher.dispatch(valid, given);

  expect(outcome).toMatchObject({
    kind: 'failed',
    status: 500,
    code: 'ERR_HANDLER_FAILED',
    error: { errors: [{ message: 'boom' }, { message: 'bang' }] },
    delivery: given,
    event,
    eventName: 'User.LoggedIn',
  });
  expect(notices).toEqual([
    ['failed', { event, delivery: given, error: 'error' in outcome && outcome.error, durationMs: expect.any(Number) }],
  ]);
  expect(errorHandler.mock.calls.map(([error, about]) => [error.message, about])).toEqual([
    ['boom', given],
    ['bang', given],
  ]);
});

test('a handler that exceeds the time limit aborts the signal, and its later failure has a notice of its own', async () => {
  const { dispatcher, notices } = bench(20);
  const errorHandler = jest.fn();
  let reject = (_reason: Error): void => {};
  dispatcher.handlers.add(
    ['User.LoggedIn'],
    () =>
      new Promise((_, no) => {
        reject = no;
      }),
  );
  dispatcher.addErrorHandler(errorHandler);
  const given = delivery();

  const outcome = await dispatcher.dispatch(valid, given);
  expect(outcome).toMatchObject({ kind: 'failed', code: 'ERR_HANDLER_TIMEOUT' });
  expect(given.signal.reason).toMatchObject({ code: 'ERR_HANDLER_TIMEOUT' });

  const error = new Error('later');
  reject(error);
  await turn();
  expect(notices).toEqual([
    ['failed', expect.anything()],
    ['late', { event, delivery: given, error }],
  ]);
  expect(errorHandler.mock.calls.at(-1)).toEqual([error, given]);
});

describe('completed handlers', () => {
  test('do not run again, and those that failed or have no id do', async () => {
    const { dispatcher } = bench();
    const completed: CompletedHandlers = new Map();
    const handlers = {
      succeeding: jest.fn(),
      permanent: jest.fn(async () => {
        throw new PermanentError('never');
      }),
      failing: jest.fn(async () => boom()),
    };
    for (const [id, handler] of Object.entries(handlers)) dispatcher.handlers.add(['User.LoggedIn'], handler, id);
    const withoutId = jest.fn();
    dispatcher.handlers.add([ANY], withoutId);

    const first = await dispatcher.dispatch(valid, delivery(), completed);
    expect(first).toMatchObject({ kind: 'failed', error: { errors: [{ message: 'never' }, { message: 'boom' }] } });
    expect(Object.fromEntries(completed)).toEqual({ succeeding: 'succeeded', permanent: 'failed' });

    const second = await dispatcher.dispatch(valid, delivery(), completed);
    expect(second).toMatchObject({ kind: 'failed', error: { errors: [{ message: 'boom' }] } });
    const calls = [...Object.values(handlers), withoutId].map(({ mock }) => mock.calls.length);
    expect(calls).toEqual([1, 1, 2, 2]);
  });

  test('make the delivery handled when no other handler is left', async () => {
    const { dispatcher, notices } = bench();
    const handler = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], handler, 'audit');
    const completed: CompletedHandlers = new Map([['audit', 'succeeded']]);
    expect(await dispatcher.dispatch(valid, delivery(), completed)).toMatchObject({ kind: 'handled' });
    expect(handler).not.toHaveBeenCalled();
    expect(notices.map(([name]) => name)).toEqual(['handled']);
  });

  test('keep no other handler from running, whatever it is called', async () => {
    const { dispatcher } = bench();
    const audit = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], function audited() {
      audit();
    });
    const completed: CompletedHandlers = new Map([
      ['audited', 'succeeded'],
      ['removed since', 'succeeded'],
    ]);
    await dispatcher.dispatch(valid, delivery(), completed);
    expect(audit).toHaveBeenCalledTimes(1);
  });
});

describe('abortAll()', () => {
  test('ends every delivery that still runs, and none that has ended', async () => {
    const { dispatcher } = bench();
    const ended = delivery();
    await dispatcher.dispatch(valid, ended);
    dispatcher.handlers.add(['User.LoggedIn'], never);
    const running = [delivery(), delivery()];
    const outcomes = Promise.all(running.map((each) => dispatcher.dispatch(valid, each)));
    const reason = new Error('closing');

    dispatcher.abortAll(reason);

    expect((await outcomes).map(({ kind }) => kind)).toEqual(['failed', 'failed']);
    expect(running.map(({ signal }) => signal.reason)).toEqual([reason, reason]);
    expect(ended.signal.aborted).toBe(false);
  });

  test('keeps later deliveries from running', async () => {
    const { dispatcher, notices } = bench();
    const handler = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], handler);
    dispatcher.abortAll(new Error('closing'));
    expect(await dispatcher.dispatch(valid, delivery())).toMatchObject({
      kind: 'rejected',
      reason: 'closing',
      eventName: 'User.LoggedIn',
    });
    expect(handler).not.toHaveBeenCalled();
    expect(notices).toEqual([]);
  });
});

describe('error handlers', () => {
  test('are all called, and what they throw or reject with is reported', async () => {
    const { dispatcher, reported } = bench();
    const errorHandler = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], boom);
    dispatcher.addErrorHandler(() => {
      throw new Error('sync');
    });
    dispatcher.addErrorHandler(async () => {
      throw new Error('async');
    });
    dispatcher.addErrorHandler(errorHandler);

    expect((await dispatcher.dispatch(valid, delivery())).kind).toBe('failed');
    await turn();
    expect(errorHandler).toHaveBeenCalledTimes(1);
    expect(reported).toEqual(['sync', 'async']);
  });

  test('are removed one registration at a time', async () => {
    const { dispatcher } = bench();
    const errorHandler = jest.fn();
    dispatcher.handlers.add(['User.LoggedIn'], boom);
    const unsubscribe = dispatcher.addErrorHandler(errorHandler);
    dispatcher.addErrorHandler(errorHandler);
    unsubscribe();
    unsubscribe();
    await dispatcher.dispatch(valid, delivery());
    expect(errorHandler).toHaveBeenCalledTimes(1);
  });

  test('are known to the dispatcher while they are registered', () => {
    const { dispatcher } = bench();
    expect(dispatcher.hasErrorHandlers).toBe(false);
    const unsubscribe = dispatcher.addErrorHandler(() => {});
    expect(dispatcher.hasErrorHandlers).toBe(true);
    unsubscribe();
    expect(dispatcher.hasErrorHandlers).toBe(false);
  });
});
