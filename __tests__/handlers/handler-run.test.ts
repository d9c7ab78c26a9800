import { setImmediate as turn } from 'node:timers/promises';
import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import type { CompletedHandlers } from '../../src/delivery/stored-delivery.js';
import { type AnyHandler, HandlerRun } from '../../src/handlers/handler-run.js';
import { HandlerRegistry, type Registration } from '../../src/handlers/registry.js';
import { Hooks, type Subscriber } from '../../src/instrumentation/hooks.js';
import { PermanentError } from '../../src/shared/errors.js';
import { sampleEvent } from '../../src/testing/index.js';

const LONG = 60_000;
const event = sampleEvent('User.LoggedIn');
const delivery = new VerifiedDelivery(Buffer.from(JSON.stringify(event)), event, {}, []);

interface Bench {
  readonly run: HandlerRun;
  /** The reports of the run, in order. */
  readonly reports: string[];
  readonly completed: CompletedHandlers;
  start(...handlers: readonly AnyHandler[]): readonly Error[] | Promise<readonly Error[]>;
  /** Starts handlers with these ids. */
  startNamed(handlers: Readonly<Record<string, AnyHandler>>): readonly Error[] | Promise<readonly Error[]>;
}

/** A run of one delivery. */
function bench({ timeoutMs = LONG, subscriber }: { timeoutMs?: number; subscriber?: Subscriber } = {}): Bench {
  const reports: string[] = [];
  const completed: CompletedHandlers = new Map();
  const hooks = new Hooks(({ message }) => reports.push(`hook: ${message}`));
  if (subscriber !== undefined) hooks.subscribe(subscriber);
  const run = new HandlerRun(event, delivery, completed, {
    timeoutMs,
    hooks,
    onFailure: ({ message }, _event, _delivery, isLate) => reports.push(`${isLate ? 'late' : 'failed'}: ${message}`),
    onAbort: ({ message }) => reports.push(`aborted: ${message}`),
  });
  return {
    run,
    reports,
    completed,
    start: (...handlers) => run.start(registered(handlers.map((handler) => [undefined, handler]))),
    startNamed: (handlers) => run.start(registered(Object.entries(handlers))),
  };
}

function registered(
  handlers: readonly [id: string | undefined, handler: AnyHandler][],
): readonly Registration<AnyHandler>[] {
  const registry = new HandlerRegistry<AnyHandler>();
  for (const [id, handler] of handlers) registry.add([event.event], handler, id);
  return registry.match(event.event).registrations;
}

const boom = (): never => {
  throw new Error('boom');
};
const never = (): Promise<never> => new Promise(() => {});

/** A promise that is settled from outside. */
function deferred(): { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } {
  let resolve = (): void => {};
  let reject = (_reason: unknown): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

test('a run without handlers ends at once', () => {
  const { start, reports } = bench();
  expect(start()).toEqual([]);
  expect(reports).toEqual([]);
});

test('handlers are called in order, at once, with the event and the delivery', () => {
  const calls: unknown[] = [];
  void bench().start(
    (...args) => calls.push(['first', ...args]),
    (...args) => calls.push(['second', ...args]),
  );
  expect(calls).toEqual([
    ['first', event, delivery],
    ['second', event, delivery],
  ]);
});

test('the errors are returned at once when every handler is synchronous', () => {
  expect(bench().start(() => {}, boom)).toEqual([new Error('boom')]);
});

test('handlers run side by side, and the run waits for all of them', async () => {
  const [first, second] = [deferred(), deferred()];
  const ended = jest.fn();
  const running = Promise.resolve(
    bench().start(
      () => first.promise,
      () => second.promise,
    ),
  ).then(ended);

  second.resolve();
  await turn();
  expect(ended).not.toHaveBeenCalled();
  first.resolve();
  await running;
  expect(ended.mock.calls).toEqual([[[]]]);
});

test('a synchronous handler does not end a run whose other handler is still running', async () => {
  const slow = deferred();
  const errors = bench().start(
    () => slow.promise,
    () => {},
    boom,
  );
  slow.reject(new Error('slow'));
  expect((await errors).map(({ message }) => message)).toEqual(['slow', 'boom']);
});

test('the run waits for a thenable that is not a promise', async () => {
  const { promise, resolve } = deferred();
  const ended = jest.fn();
  const then = promise.then.bind(promise);
  const running = Promise.resolve(bench().start(() => ({ then }))).then(ended);
  await turn();
  expect(ended).not.toHaveBeenCalled();
  resolve();
  await running;
});

test('a thenable whose `then` throws is a failure', async () => {
  const then = boom;
  expect(await bench().start(() => ({ then }))).toEqual([new Error('boom')]);
});

test('errors are returned in the order of the handlers and reported in the order in which they happen', async () => {
  const { start, reports } = bench();
  const slow = deferred();
  const errors = start(
    () => slow.promise,
    () => {},
    async () => {
      throw new Error('rejected');
    },
    boom,
  );
  await turn();
  slow.reject(new Error('slow'));

  expect((await errors).map(({ message }) => message)).toEqual(['slow', 'rejected', 'boom']);
  expect(reports).toEqual(['failed: boom', 'failed: rejected', 'failed: slow']);
});

test('a thrown value that is not an Error becomes the cause of one', async () => {
  const errors = await bench().start(
    () => {
      throw 'sync';
    },
    () => Promise.reject(42),
  );
  expect(errors.map(({ cause }) => cause)).toEqual(['sync', 42]);
  expect(errors.every((error) => error instanceof Error)).toBe(true);
});

describe('the time limit', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('fails the handlers that still run, keeps the other failures, and aborts the run', async () => {
    const { start, reports } = bench({ timeoutMs: 1000 });
    const errors = start(never, () => {}, boom, never);

    await jest.advanceTimersByTimeAsync(999);
    expect(reports).toEqual(['failed: boom']);
    await jest.advanceTimersByTimeAsync(1);

    const timeout = 'A handler did not finish within 1000 ms.';
    expect((await errors).map(({ message }) => message)).toEqual([timeout, 'boom', timeout]);
    expect(await errors).toMatchObject([{ code: 'ERR_HANDLER_TIMEOUT' }, {}, { code: 'ERR_HANDLER_TIMEOUT' }]);
    expect(reports).toEqual(['failed: boom', `failed: ${timeout}`, `failed: ${timeout}`, `aborted: ${timeout}`]);
  });

  test('leaves no timer behind when the handlers end in time', async () => {
    const { promise, resolve } = deferred();
    const errors = bench({ timeoutMs: 1000 }).start(() => promise);
    expect(jest.getTimerCount()).toBe(1);
    resolve();
    await errors;
    expect(jest.getTimerCount()).toBe(0);
  });

  test('starts no timer for handlers that return no promise', () => {
    void bench({ timeoutMs: 1000 }).start(() => {}, boom);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('passes once, and a later abort changes nothing', async () => {
    const { run, start, reports } = bench({ timeoutMs: 1000 });
    const errors = start(never);
    await jest.advanceTimersByTimeAsync(1000);
    run.abort(new Error('closing'));
    expect(reports).toHaveLength(2);
    expect(await errors).toHaveLength(1);
  });
});

describe('after abort()', () => {
  test('a handler that fails is reported as late, with its error', async () => {
    const { run, start, reports } = bench();
    const slow = deferred();
    const errors = start(() => slow.promise);

    run.abort(new Error('closing'));
    expect((await errors).map(({ message }) => message)).toEqual(['closing']);
    slow.reject('too late');
    await turn();

    expect(reports).toEqual([
      'failed: closing',
      'aborted: closing',
      'late: A value that is not an Error was thrown: too late',
    ]);
  });

  test('a handler that succeeds is not reported', async () => {
    const { run, start, reports } = bench();
    const slow = deferred();
    void start(() => slow.promise);
    run.abort(new Error('closing'));
    slow.resolve();
    await turn();
    expect(reports).toEqual(['failed: closing', 'aborted: closing']);
  });

  test('a run that had ended before is not aborted any more', async () => {
    const { run, start, reports } = bench();
    await start(() => {});
    run.abort(new Error('closing'));
    expect(reports).toEqual([]);
  });
});

describe('the completed handlers', () => {
  test('are those with an id that succeeded, or failed with a PermanentError', async () => {
    const { startNamed, completed } = bench();
    await startNamed({
      sync: () => {},
      async: async () => {},
      'sync permanent': () => {
        throw new PermanentError('never');
      },
      'async permanent': async () => {
        throw new PermanentError('never');
      },
      'sync failing': boom,
      'async failing': async () => boom(),
    });
    expect(Object.fromEntries(completed)).toEqual({
      sync: 'succeeded',
      async: 'succeeded',
      'sync permanent': 'failed',
      'async permanent': 'failed',
    });
  });

  test('do not include handlers without an id', async () => {
    const { start, completed } = bench();
    await start(
      () => {},
      async () => {
        throw new PermanentError('never');
      },
    );
    expect(completed.size).toBe(0);
  });

  test('do not include a handler that ends after the run was aborted', async () => {
    const { run, startNamed, completed } = bench();
    const slow = deferred();
    const errors = startNamed({ slow: () => slow.promise, fast: () => {} });
    run.abort(new Error('closing'));
    slow.resolve();
    await errors;
    await turn();
    expect([...completed]).toEqual([['fast', 'succeeded']]);
  });
});

describe('a subscriber to the hooks of handlers', () => {
  test('learns the start and the end of each handler, with its label and its error', async () => {
    const seen: unknown[] = [];
    const { startNamed } = bench({
      subscriber: {
        handlerStarted: (call) => seen.push(['started', call]),
        handlerEnded: (call, error) => seen.push(['ended', call, error?.message]),
      },
    });
    await startNamed({ audit: async () => {}, mail: boom });
    const [audit, mail] = [
      { handler: 'audit', delivery },
      { handler: 'mail', delivery },
    ];
    expect(seen).toEqual([
      ['started', audit],
      ['started', mail],
      ['ended', mail, 'boom'],
      ['ended', audit, undefined],
    ]);
  });

  test('gets the same object at the start and at the end', () => {
    const calls: object[] = [];
    void bench({
      subscriber: { handlerStarted: (call) => calls.push(call), handlerEnded: (call) => calls.push(call) },
    }).start(() => {});
    expect(calls[0]).toBe(calls[1]);
    expect(calls).toHaveLength(2);
  });

  test('learns the end of a handler that ends after the run was aborted', async () => {
    const ended = jest.fn();
    const { run, start } = bench({ subscriber: { handlerEnded: (_call, error) => ended(error?.message) } });
    const slow = deferred();
    void start(() => slow.promise);
    run.abort(new Error('closing'));
    expect(ended).not.toHaveBeenCalled();
    slow.reject(new Error('slow'));
    await turn();
    expect(ended.mock.calls).toEqual([['slow']]);
  });

  test('cannot make a handler fail by throwing', () => {
    const { start, reports } = bench({ subscriber: { handlerStarted: boom, handlerEnded: boom } });
    const handler = jest.fn();
    expect(start(handler)).toEqual([]);
    expect(handler).toHaveBeenCalledTimes(1);
    expect(reports).toEqual(['hook: boom', 'hook: boom']);
  });
});
