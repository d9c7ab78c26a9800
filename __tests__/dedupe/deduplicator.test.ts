import { setImmediate as turn } from 'node:timers/promises';
import { Once, type OnceResult } from '../../src/dedupe/deduplicator.js';
import { type DedupeStore, MemoryDedupeStore, type Reservation } from '../../src/index.js';
import { createApp } from '../helpers/harness.js';

/** A store of which some methods are replaced, and that writes down what it is asked. */
function storeWith(parts: Partial<DedupeStore>): DedupeStore & { readonly asked: string[] } {
  const memory = new MemoryDedupeStore();
  const asked: string[] = [];
  return {
    asked,
    reserve: (id) => {
      asked.push(`reserve ${id}`);
      return parts.reserve ? parts.reserve(id) : memory.reserve(id);
    },
    finish: (id, token) => {
      asked.push(`finish ${id}`);
      return parts.finish ? parts.finish(id, token) : memory.finish(id);
    },
    release: (id, token) => {
      asked.push(`release ${id}`);
      return parts.release ? parts.release(id, token) : memory.release(id);
    },
  };
}

interface Bench {
  readonly store: ReturnType<typeof storeWith>;
  readonly unrecorded: string[];
  run(execute: (attempt: number) => Promise<string>, id?: string): Promise<OnceResult<string>>;
}

/** Results that start with `ok` count as done. */
function bench(parts: Partial<DedupeStore> = {}, timeoutMs = 60_000): Bench {
  const store = storeWith(parts);
  const unrecorded: string[] = [];
  const once = new Once<string>(store, {
    timeoutMs,
    isDone: (result) => result.startsWith('ok'),
    onUnrecorded: (error, id) => unrecorded.push(`${id}: ${error.message}`),
  });
  return { store, unrecorded, run: async (execute, id = 'a') => once.run(id, execute) };
}

const never = (): Promise<never> => new Promise(() => {});
const down = (): never => {
  throw new Error('down');
};

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('the first delivery runs, a later one is told that it is finished', async () => {
  const { run, store } = bench();
  const execute = jest.fn(async () => 'ok');
  expect(await run(execute)).toEqual({ state: 'ran', result: 'ok' });
  expect(await run(execute)).toEqual({ state: 'finished' });
  expect(execute.mock.calls).toEqual([[1]]);
  expect(store.asked).toEqual(['reserve a', 'finish a', 'reserve a']);
});

test('a result that does not count is released, and the next one runs with the next attempt', async () => {
  const { run, store } = bench();
  const execute = jest.fn(async (attempt: number) => (attempt === 1 ? 'failed' : 'ok'));
  expect(await run(execute)).toEqual({ state: 'ran', result: 'failed' });
  expect(await run(execute)).toEqual({ state: 'ran', result: 'ok' });
  expect(execute.mock.calls).toEqual([[1], [2]]);
  expect(store.asked).toEqual(['reserve a', 'release a', 'reserve a', 'finish a']);
});

test('those that come meanwhile join, ask the store nothing and share the result', async () => {
  const { run, store } = bench();
  const { opened, open } = gate();
  const execute = jest.fn(async () => {
    await opened;
    return 'ok';
  });
  const all = [run(execute), run(execute), run(execute)];
  await turn();
  open();
  expect(await Promise.all(all)).toEqual([
    { state: 'ran', result: 'ok' },
    { state: 'joined', result: 'ok' },
    { state: 'joined', result: 'ok' },
  ]);
  expect(execute).toHaveBeenCalledTimes(1);
  expect(store.asked).toEqual(['reserve a', 'finish a']);
});

test('other deliveries run side by side', async () => {
  const { run } = bench();
  const { opened, open } = gate();
  const first = run(async () => {
    await opened;
    return 'ok first';
  });
  expect(await run(async () => 'ok second', 'b')).toEqual({ state: 'ran', result: 'ok second' });
  open();
  expect(await first).toEqual({ state: 'ran', result: 'ok first' });
});

test.each(['running', 'finished'] as const)(
  'what is %s elsewhere does not run, for those that joined either',
  async (state) => {
    const { run, store } = bench({ reserve: async () => ({ state }) });
    const execute = jest.fn(async () => 'ok');
    expect(await Promise.all([run(execute), run(execute)])).toEqual([{ state }, { state }]);
    expect(execute).not.toHaveBeenCalled();
    expect(store.asked).toEqual(['reserve a']);
  },
);

test('the attempt that a store counts is passed on', async () => {
  const { run } = bench({ reserve: async () => ({ state: 'reserved', attempt: 7 }) });
  const execute = jest.fn(async () => 'ok');
  await run(execute);
  expect(execute.mock.calls).toEqual([[7]]);
});

test('an execution that throws is released, and the error goes to those that joined too', async () => {
  const { run, store } = bench();
  const { opened, open } = gate();
  const failing = async (): Promise<string> => {
    await opened;
    throw new Error('a bug');
  };
  const all = Promise.allSettled([run(failing), run(failing)]);
  open();
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(store.asked).toEqual(['reserve a', 'release a']);
  expect(await run(async () => 'ok')).toEqual({ state: 'ran', result: 'ok' });
});

const nonsense = [
  undefined,
  null,
  true,
  'reserved',
  {},
  { state: 'maybe' },
  [],
  { state: 'reserved', attempt: 'x' },
].map((answer) => ({
  what: `answers ${JSON.stringify(answer)}`,
  reserve: () => answer as Reservation,
}));

describe('a store whose reserve()', () => {
  test.each([
    { what: 'throws', reserve: down },
    { what: 'rejects', reserve: async () => down() },
    { what: 'rejects with null', reserve: () => Promise.reject(null) },
    { what: 'hangs', reserve: never },
    ...nonsense,
  ])('$what is unavailable, and nothing runs', async ({ reserve }) => {
    const { run, store } = bench({ reserve }, 20);
    const execute = jest.fn(async () => 'ok');
    expect(await run(execute)).toEqual({ state: 'unavailable', cause: expect.any(Error) });
    expect(execute).not.toHaveBeenCalled();
    expect(store.asked).toEqual(['reserve a']);
  });

  test('throws or hangs says so in the cause', async () => {
    const causes = await Promise.all(
      [down, never, () => ({ state: 'maybe' }) as unknown as Reservation].map((reserve) =>
        bench({ reserve }, 20).run(async () => 'ok'),
      ),
    );
    expect(causes).toMatchObject([
      { cause: { message: 'down' } },
      { cause: { message: "The dedupe store's reserve() gave nothing within 20 ms" } },
      { cause: { message: "The dedupe store's reserve() gave no reservation" } },
    ]);
  });

  test('fails once is asked again by the next delivery', async () => {
    const answers: (() => Reservation)[] = [down, () => ({ state: 'reserved' })];
    const { run } = bench({ reserve: () => (answers.shift() ?? down)() });
    expect((await run(async () => 'ok')).state).toBe('unavailable');
    expect((await run(async () => 'ok')).state).toBe('ran');
  });
});

describe('a claim', () => {
  const [finish, release] = [jest.fn(), jest.fn()];
  beforeEach(() => {
    finish.mockReset();
    release.mockReset();
  });

  test('has its token given back with how it ended', async () => {
    const token = { of: 'the store' };
    const { run } = bench({ reserve: () => ({ state: 'reserved', token }), finish, release });
    await run(async () => 'ok');
    await run(async () => 'failed');
    expect([finish.mock.calls, release.mock.calls]).toEqual([[['a', token]], [['a', token]]]);
  });

  test('that comes after its time is given back, and nothing runs', async () => {
    const { opened, open } = gate();
    const reserve = async (): Promise<Reservation> => {
      await opened;
      return { state: 'reserved', token: 7 };
    };
    const { run } = bench({ reserve, finish, release }, 20);
    const execute = jest.fn(async () => 'ok');
    expect((await run(execute)).state).toBe('unavailable');
    open();
    await turn();
    expect([finish.mock.calls, release.mock.calls]).toEqual([[], [['a', 7]]]);
    expect(execute).not.toHaveBeenCalled();
  });

  test.each<[string, () => unknown]>([
    ['is none', () => ({ state: 'finished' })],
    ['is nothing', () => undefined],
    ['is a failure', down],
  ])('that comes after its time and %s needs no giving back', async (_what, answer) => {
    const { opened, open } = gate();
    const reserve = async (): Promise<Reservation> => {
      await opened;
      return answer() as Reservation;
    };
    const { run, unrecorded } = bench({ reserve, finish, release }, 20);
    expect((await run(async () => 'ok')).state).toBe('unavailable');
    open();
    await turn(); // jest fails a test during which a promise is rejected unseen
    expect([finish.mock.calls, release.mock.calls, unrecorded]).toEqual([[], [], []]);
  });

  test('that a lazy query gives is asked for once', async () => {
    const then = jest.fn((resolve: (reservation: Reservation) => void) => resolve({ state: 'reserved' }));
    const { run } = bench({ reserve: () => ({ then }) as unknown as PromiseLike<Reservation>, finish });
    expect((await run(async () => 'ok')).state).toBe('ran');
    expect(then).toHaveBeenCalledTimes(1);
  });

  test.each([0, -1, 1.5, Number.NaN, null, '2'])('with %p attempts is none', async (attempt) => {
    const { run } = bench({ reserve: () => ({ state: 'reserved', attempt: attempt as number }) });
    expect((await run(async () => 'ok')).state).toBe('unavailable');
  });
});

describe('a store that fails after the execution', () => {
  test.each([
    ['finish', 'throws', down, 'ok', 'down'],
    ['finish', 'hangs', never, 'ok', "The dedupe store's finish() gave nothing within 20 ms"],
    ['release', 'rejects', async () => down(), 'failed', 'down'],
    ['release', 'hangs', never, 'failed', "The dedupe store's release() gave nothing within 20 ms"],
  ])('%s() %s: the result stands, and it is told', async (method, _how, broken, result, message) => {
    const { run, unrecorded } = bench({ [method]: broken }, 20);
    expect(await run(async () => result)).toEqual({ state: 'ran', result });
    expect(unrecorded).toEqual([`a: ${message}`]);
  });
});

describe('over HTTP, a store of your own', () => {
  test('is reserved and finished once for a delivery and its duplicate', async () => {
    const store = storeWith({});
    const { webhooks, deliver } = createApp({ dedupe: store });
    let id = '';
    webhooks.on('User.LoggedIn', (_event, delivery) => {
      id = delivery.id;
    });
    expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'handled' });
    expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'duplicate' });
    expect(store.asked).toEqual([`reserve ${id}`, `finish ${id}`, `reserve ${id}`]);
  });

  test('shared by two routers keeps the second from running what the first runs: 409 with Retry-After', async () => {
    const dedupe = new MemoryDedupeStore();
    const [first, second] = [createApp({ dedupe }), createApp({ dedupe })];
    const { opened, open } = gate();
    const started = gate();
    const elsewhere = jest.fn();
    first.webhooks.on('User.LoggedIn', () => {
      started.open();
      return opened;
    });
    second.webhooks.on('User.LoggedIn', elsewhere);
    const running = first.deliver('User.LoggedIn');
    await started.opened;

    const meanwhile = await second.deliver('User.LoggedIn');
    open();

    expect(meanwhile.status).toBe(409);
    expect(meanwhile.headers['retry-after']).toMatch(/^\d+$/);
    expect(meanwhile.body).toMatchObject({ error: { code: 'ERR_DELIVERY_RUNNING' } });
    expect((await running).status).toBe(200);
    expect((await second.deliver('User.LoggedIn')).body).toEqual({ status: 'duplicate' });
    expect(elsewhere).not.toHaveBeenCalled();
  });

  test.each([
    { what: 'throws', reserve: down },
    { what: 'rejects', reserve: async () => down() },
    { what: 'hangs', reserve: never },
    ...nonsense,
  ])('that $what is 503 with Retry-After, and no handler runs', async ({ reserve }) => {
    const { webhooks, deliver } = createApp({ dedupe: storeWith({ reserve }), timeoutMs: { keys: 20 } });
    const [handler, rejected] = [jest.fn(), jest.fn()];
    webhooks.onAny(handler);
    webhooks.events.on('rejected', rejected);

    const answer = await deliver('User.LoggedIn');

    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
    expect(answer.body).toMatchObject({ error: { code: 'ERR_DEDUPE_UNAVAILABLE' } });
    expect(rejected.mock.calls).toEqual([
      [expect.objectContaining({ reason: 'dedupe_unavailable', eventName: 'User.LoggedIn', cause: expect.any(Error) })],
    ]);
    expect(handler).not.toHaveBeenCalled();
  });

  test.each([
    ['finish', 200, () => {}],
    ['release', 500, down],
  ])('whose %s() fails leaves the answer at %i, and is logged', async (method, status, handler) => {
    const error = jest.fn();
    const { webhooks, deliver } = createApp({
      dedupe: storeWith({ [method]: async () => down() }),
      logger: { error },
    });
    let id = '';
    webhooks.on('User.LoggedIn', (_event, delivery) => {
      id = delivery.id;
      return handler();
    });

    expect((await deliver('User.LoggedIn')).status).toBe(status);
    expect(error).toHaveBeenCalledWith(
      { err: expect.objectContaining({ message: 'down' }), delivery: id },
      expect.stringContaining('dedupe store failed'),
    );
  });

  test('switched off, every delivery runs, as the first', async () => {
    const { webhooks, deliver } = createApp({ dedupe: false });
    const attempts: number[] = [];
    webhooks.on('User.LoggedIn', (_event, { attempt }) => attempts.push(attempt));
    await deliver('User.LoggedIn');
    await deliver('User.LoggedIn');
    expect(attempts).toEqual([1, 1]);
  });
});
