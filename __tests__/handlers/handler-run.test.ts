import { setImmediate as turn } from 'node:timers/promises';
import { HandlerRun as Run, type RunObserver } from '../../src/handlers/handler-run.js';

/** An observer that writes down what it is told. */
function watch(): RunObserver<string, number> & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    failed: (error) => told.push(`failed: ${error.message}`),
    failedLate: (error) => told.push(`late: ${error.message}`),
    expired: (reason) => told.push(`expired: ${reason.message}`),
  };
}

/** A run of one event and its delivery, which are of no interest here. */
class HandlerRun extends Run<string, number> {
  constructor(timeoutMs: number, observer: RunObserver<string, number>) {
    super('event', 1, timeoutMs, observer);
  }
}

const LONG = 60_000;
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

test('without a handler it is over at once', () => {
  const observer = watch();
  expect(new HandlerRun(LONG, observer).start([])).toEqual([]);
  expect(observer.told).toEqual([]);
});

test('handlers are called in order, at once, with what was given', () => {
  const calls: unknown[] = [];
  const run = new HandlerRun(LONG, watch());
  void run.start([(...args) => calls.push(['first', ...args]), (...args) => calls.push(['second', ...args])]);
  expect(calls).toEqual([
    ['first', 'event', 1],
    ['second', 'event', 1],
  ]);
});

test('all are waited for, side by side', async () => {
  const [first, second] = [deferred(), deferred()];
  let over = false;
  const run = Promise.resolve(new HandlerRun(LONG, watch()).start([() => first.promise, () => second.promise])).then(
    (errors) => {
      over = true;
      return errors;
    },
  );

  second.resolve();
  await turn();
  expect(over).toBe(false);
  first.resolve();
  await expect(run).resolves.toEqual([]);
});

test('a thenable that is not a promise is waited for', async () => {
  const { promise, resolve } = deferred();
  let over = false;
  const then = promise.then.bind(promise);
  const handler = (): object => ({ then });
  const run = Promise.resolve(new HandlerRun(LONG, watch()).start([handler])).then(() => {
    over = true;
  });
  await turn();
  expect(over).toBe(false);
  resolve();
  await run;
});

test('failures come in the order of the handlers and are told in the order in which they happen', async () => {
  const observer = watch();
  const slow = deferred();
  const run = new HandlerRun(LONG, observer).start([
    () => slow.promise,
    () => {},
    async () => {
      throw new Error('rejected');
    },
    boom,
  ]);
  await turn();
  slow.reject(new Error('slow'));

  expect((await run).map(({ message }) => message)).toEqual(['slow', 'rejected', 'boom']);
  expect(observer.told).toEqual(['failed: boom', 'failed: rejected', 'failed: slow']);
});

test('what is no Error comes as one that has it as its cause', async () => {
  const errors = await new HandlerRun(LONG, watch()).start([
    () => {
      throw 'sync';
    },
    () => Promise.reject(42),
  ]);
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

  test('fails the handlers that still run, keeps the other failures, and tells to stop', async () => {
    const observer = watch();
    const run = new HandlerRun(1000, observer).start([never, () => {}, boom, never]);

    await jest.advanceTimersByTimeAsync(999);
    expect(observer.told).toEqual(['failed: boom']);
    await jest.advanceTimersByTimeAsync(1);

    const late = 'A handler did not finish within 1000 ms.';
    expect((await run).map(({ message }) => message)).toEqual([late, 'boom', late]);
    expect(await run).toMatchObject([{ code: 'ERR_HANDLER_TIMEOUT' }, {}, { code: 'ERR_HANDLER_TIMEOUT' }]);
    expect(observer.told).toEqual(['failed: boom', `failed: ${late}`, `failed: ${late}`, `expired: ${late}`]);
  });

  test('leaves no timer behind when the handlers are done in time', async () => {
    const { promise, resolve } = deferred();
    const run = new HandlerRun(1000, watch()).start([() => promise]);
    expect(jest.getTimerCount()).toBe(1);
    resolve();
    await run;
    expect(jest.getTimerCount()).toBe(0);
  });

  test('does not concern handlers that return no promise', async () => {
    const run = new HandlerRun(1000, watch()).start([() => {}, boom]);
    expect(jest.getTimerCount()).toBe(0);
    await run;
  });

  test('passes once', async () => {
    const observer = watch();
    const run = new HandlerRun(1000, observer);
    const errors = run.start([never]);
    await jest.advanceTimersByTimeAsync(1000);
    run.expire(new Error('closing'));
    expect(observer.told).toHaveLength(2);
    expect(await errors).toHaveLength(1);
  });
});

describe('after it was given up', () => {
  test('a handler that fails is told as late, with what it failed on', async () => {
    const observer = watch();
    const slow = deferred();
    const run = new HandlerRun(LONG, observer);
    const errors = run.start([() => slow.promise]);

    run.expire(new Error('closing'));
    expect((await errors).map(({ message }) => message)).toEqual(['closing']);
    slow.reject('too late');
    await turn();

    expect(observer.told).toEqual([
      'failed: closing',
      'expired: closing',
      'late: A value that is not an Error was thrown: too late',
    ]);
  });

  test('a handler that succeeds is not told of', async () => {
    const observer = watch();
    const slow = deferred();
    const run = new HandlerRun(LONG, observer);
    void run.start([() => slow.promise]);
    run.expire(new Error('closing'));
    slow.resolve();
    await turn();
    expect(observer.told).toEqual(['failed: closing', 'expired: closing']);
  });

  test('one that was done by itself is not expired any more', async () => {
    const observer = watch();
    const run = new HandlerRun(LONG, observer);
    await run.start([() => {}]);
    run.expire(new Error('closing'));
    expect(observer.told).toEqual([]);
  });
});
