import { setImmediate as turn } from 'node:timers/promises';
import { Deduplicator } from '../../src/dedupe/deduplicator.js';
import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import { AcceptedOutcome, FailedOutcome, type Outcome, RejectedOutcome } from '../../src/delivery/outcome.js';
import {
  type AnyCakemailEvent,
  type DedupeStore,
  type Delivery,
  HandlerError,
  type Reservation,
} from '../../src/index.js';
import { sampleEvent } from '../../src/testing/index.js';
import { INVALID_RESERVES, storeWith } from '../helpers/dedupe-store.js';
import { gate } from '../helpers/waiting.js';

const login: AnyCakemailEvent = sampleEvent('User.LoggedIn');
const other: AnyCakemailEvent = sampleEvent('Email.Sent');

/** A new delivery of an event: the same event always has the same id. */
function deliveryOf(event: AnyCakemailEvent): VerifiedDelivery {
  return new VerifiedDelivery(Buffer.from(JSON.stringify(event)), event, {}, []);
}

const { id: ID } = deliveryOf(login);

type Execute = (delivery: Delivery, attempt: number) => Outcome | Promise<Outcome>;

interface Bench {
  readonly store: ReturnType<typeof storeWith>;
  readonly unrecorded: string[];
  /** The arguments of the calls of `onDuplicate`. */
  readonly duplicates: [event: AnyCakemailEvent, delivery: Delivery, joined: boolean][];
  run(execute: Execute, event?: AnyCakemailEvent, delivery?: VerifiedDelivery): Promise<Outcome>;
}

function bench(parts: Partial<DedupeStore> = {}, timeoutMs = 60_000): Bench {
  const store = storeWith(parts);
  const unrecorded: string[] = [];
  const duplicates: Bench['duplicates'] = [];
  const deduplicator = new Deduplicator(store, {
    timeoutMs,
    onDuplicate: (...args) => duplicates.push(args),
    onUnrecorded: (error, id) => unrecorded.push(`${id}: ${error.message}`),
  });
  return {
    ...{ store, unrecorded, duplicates },
    run: (execute, event = login, delivery = deliveryOf(event)) =>
      deduplicator.run(event, delivery, (attempt) => execute(delivery, attempt)),
  };
}

const handled = (delivery: Delivery): Outcome => new AcceptedOutcome('handled', login, delivery);
const unhandled = (delivery: Delivery): Outcome => new AcceptedOutcome('unhandled', login, delivery);
const failed = (delivery: Delivery): Outcome =>
  new FailedOutcome(new HandlerError([new Error('boom')]), login, delivery);
const rejected = (): Outcome => new RejectedOutcome('closing', { eventName: 'User.LoggedIn' });

const never = (): Promise<never> => new Promise(() => {});
const down = (): never => {
  throw new Error('down');
};

test.each([
  ['synchronous', handled],
  ['asynchronous', async (delivery: Delivery) => unhandled(delivery)],
])('a delivery runs once, and a later one is its duplicate: %s', async (_what, execution) => {
  const { run, store, duplicates } = bench();
  const execute = jest.fn<Outcome | Promise<Outcome>, Parameters<Execute>>(execution);
  const [first, second] = [deliveryOf(login), deliveryOf(login)];

  expect(await run(execute, login, first)).toBe(await execute.mock.results[0]?.value);
  expect(duplicates).toEqual([]);
  expect(await run(execute, login, second)).toMatchObject({ kind: 'duplicate', status: 200, event: login });

  expect(execute.mock.calls).toEqual([[first, 1]]);
  expect(duplicates).toEqual([[login, second, false]]);
  expect(duplicates[0]?.[1]).toBe(second);
  expect(store.calls).toEqual([`reserve ${ID}`, `finish ${ID}`, `reserve ${ID}`]);
});

test.each([
  ['failed', failed],
  ['was rejected', rejected],
])('a delivery that %s is released, and runs again as the next attempt', async (_what, first) => {
  const { run, store, duplicates } = bench();
  const execute = jest.fn<Outcome, Parameters<Execute>>((delivery, attempt) =>
    attempt === 1 ? first(delivery) : handled(delivery),
  );
  expect((await run(execute)).kind).toBe(first(deliveryOf(login)).kind);
  expect((await run(execute)).kind).toBe('handled');
  expect(execute.mock.calls.map(([, attempt]) => attempt)).toEqual([1, 2]);
  expect(store.calls).toEqual([`reserve ${ID}`, `release ${ID}`, `reserve ${ID}`, `finish ${ID}`]);
  expect(duplicates).toEqual([]);
});

test.each([
  ['handled', handled],
  ['failed', failed],
])(
  'duplicates of a running delivery share its outcome when it is %s, and the store is asked once',
  async (_what, end) => {
    const { run, store, duplicates } = bench();
    const { opened, open } = gate();
    const execute = jest.fn<Promise<Outcome>, Parameters<Execute>>(async (delivery) => {
      await opened;
      return end(delivery);
    });
    const deliveries = [deliveryOf(login), deliveryOf(login), deliveryOf(login)];
    const running = deliveries.map((delivery) => run(execute, login, delivery));
    await turn();
    open();

    const [first, second, third] = await Promise.all(running);
    expect(first).toMatchObject({ kind: end(deliveryOf(login)).kind, delivery: deliveries[0] });
    expect([second, third]).toEqual([first, first]);
    expect(second).toBe(first);
    expect(execute).toHaveBeenCalledTimes(1);
    expect(
      duplicates.map(([, delivery, joined]) => [deliveries.indexOf(delivery as VerifiedDelivery), joined]),
    ).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(store.calls.filter((call) => call.startsWith('reserve'))).toHaveLength(1);
  },
);

test('duplicates of a running delivery share its rejection, and are not reported as duplicates', async () => {
  const { run, duplicates } = bench();
  const outcomes = await Promise.all([run(async () => rejected()), run(handled)]);
  expect(outcomes).toMatchObject([{ reason: 'closing' }, { reason: 'closing' }]);
  expect(duplicates).toEqual([]);
});

test('different deliveries run side by side', async () => {
  const { run } = bench();
  const { opened, open } = gate();
  const first = run(async (delivery) => {
    await opened;
    return handled(delivery);
  });
  expect((await run(unhandled, other)).kind).toBe('unhandled');
  open();
  expect((await first).kind).toBe('handled');
});

test('a delivery that another process has finished does not run, and neither does a duplicate of it', async () => {
  const { run, store, duplicates } = bench({ reserve: async () => ({ state: 'finished' }) });
  const execute = jest.fn(handled);
  const deliveries = [deliveryOf(login), deliveryOf(login)] as const;
  const outcomes = await Promise.all(deliveries.map((delivery) => run(execute, login, delivery)));
  expect(outcomes).toMatchObject([{ kind: 'duplicate' }, { kind: 'duplicate' }]);
  expect(outcomes.map((outcome) => 'delivery' in outcome && deliveries.indexOf(outcome.delivery as never))).toEqual([
    0, 1,
  ]);
  expect(duplicates.map(([, , joined]) => joined)).toEqual([false, false]);
  expect(execute).not.toHaveBeenCalled();
  expect(store.calls).toEqual([`reserve ${ID}`]);
});

test('a delivery that another process runs is rejected, and so is a duplicate of it', async () => {
  const { run, store, duplicates } = bench({ reserve: async () => ({ state: 'running' }) });
  const execute = jest.fn(handled);
  const rejection = { kind: 'rejected', status: 409, reason: 'running_elsewhere', eventName: 'User.LoggedIn' };
  expect(await Promise.all([run(execute), run(execute)])).toMatchObject([rejection, rejection]);
  expect(execute).not.toHaveBeenCalled();
  expect(duplicates).toEqual([]);
  expect(store.calls).toEqual([`reserve ${ID}`]);
});

test('the execution gets the attempt that the store counts', async () => {
  const { run } = bench({ reserve: async () => ({ state: 'reserved', attempt: 7 }) });
  const execute = jest.fn<Outcome, Parameters<Execute>>(handled);
  await run(execute);
  expect(execute.mock.calls.map(([, attempt]) => attempt)).toEqual([7]);
});

test.each([
  ['throws', down],
  ['rejects', async () => down()],
])('a delivery whose execution %s is released, and its duplicates get the error too', async (_what, execute) => {
  const { run, store } = bench();
  const outcomes = await Promise.allSettled([run(execute), run(execute)]);
  expect(outcomes).toEqual([
    { status: 'rejected', reason: new Error('down') },
    { status: 'rejected', reason: new Error('down') },
  ]);
  expect(store.calls).toEqual([`reserve ${ID}`, `release ${ID}`]);
  expect((await run(handled)).kind).toBe('handled');
});

const unavailable = { kind: 'rejected', reason: 'dedupe_unavailable', eventName: 'User.LoggedIn' };

describe('a store whose reserve()', () => {
  test.each([
    { what: 'throws', reserve: down },
    { what: 'rejects', reserve: async () => down() },
    { what: 'rejects with null', reserve: () => Promise.reject(null) },
    { what: 'never answers', reserve: never },
    ...INVALID_RESERVES,
  ])('$what is unavailable, and nothing runs', async ({ reserve }) => {
    const { run, store } = bench({ reserve }, 20);
    const execute = jest.fn(handled);
    expect(await run(execute)).toMatchObject({ ...unavailable, cause: expect.any(Error) });
    expect(execute).not.toHaveBeenCalled();
    expect(store.calls).toEqual([`reserve ${ID}`]);
  });

  test('throws, never answers or returns nonsense is named in the cause', async () => {
    const outcomes = await Promise.all(
      [down, never, () => ({ state: 'maybe' }) as unknown as Reservation].map((reserve) =>
        bench({ reserve }, 20).run(handled),
      ),
    );
    expect(outcomes).toMatchObject([
      { cause: { message: 'down' } },
      { cause: { message: "The dedupe store's reserve() returned nothing within 20 ms" } },
      { cause: { message: "The dedupe store's reserve() did not return a reservation" } },
    ]);
  });

  test('fails once is asked again by the next delivery', async () => {
    const answers: (() => Reservation)[] = [down, () => ({ state: 'reserved' })];
    const { run } = bench({ reserve: () => (answers.shift() ?? down)() });
    expect(await run(handled)).toMatchObject(unavailable);
    expect((await run(handled)).kind).toBe('handled');
  });
});

describe('a reservation', () => {
  const [finish, release] = [jest.fn(), jest.fn()];
  beforeEach(() => {
    finish.mockReset();
    release.mockReset();
  });

  test('has its token passed to finish() or release()', async () => {
    const token = { of: 'the store' };
    const { run } = bench({ reserve: () => ({ state: 'reserved', token }), finish, release });
    await run(handled);
    await run(failed);
    expect([finish.mock.calls, release.mock.calls]).toEqual([[[ID, token]], [[ID, token]]]);
  });

  test('that arrives after the time limit is released, and nothing runs', async () => {
    const { opened, open } = gate();
    const reserve = async (): Promise<Reservation> => {
      await opened;
      return { state: 'reserved', token: 7 };
    };
    const { run } = bench({ reserve, finish, release }, 20);
    const execute = jest.fn(handled);
    expect(await run(execute)).toMatchObject(unavailable);
    open();
    await turn();
    expect([finish.mock.calls, release.mock.calls]).toEqual([[], [[ID, 7]]]);
    expect(execute).not.toHaveBeenCalled();
  });

  test.each<[string, () => unknown]>([
    ['a finished delivery', () => ({ state: 'finished' })],
    ['undefined', () => undefined],
    ['an error', down],
  ])('is not released when %s arrives in its place after the time limit', async (_what, answer) => {
    const { opened, open } = gate();
    const reserve = async (): Promise<Reservation> => {
      await opened;
      return answer() as Reservation;
    };
    const { run, unrecorded } = bench({ reserve, finish, release }, 20);
    expect(await run(handled)).toMatchObject(unavailable);
    open();
    await turn(); // jest fails a test in which a rejection is not handled
    expect([finish.mock.calls, release.mock.calls, unrecorded]).toEqual([[], [], []]);
  });

  test('from a lazy query is requested once', async () => {
    const then = jest.fn((resolve: (reservation: Reservation) => void) => resolve({ state: 'reserved' }));
    const { run } = bench({ reserve: () => ({ then }) as unknown as PromiseLike<Reservation>, finish });
    expect((await run(handled)).kind).toBe('handled');
    expect(then).toHaveBeenCalledTimes(1);
  });

  test.each([0, -1, 1.5, Number.NaN, null, '2'])('with %p as its attempt is invalid', async (attempt) => {
    const { run } = bench({ reserve: () => ({ state: 'reserved', attempt: attempt as number }) });
    expect(await run(handled)).toMatchObject(unavailable);
  });
});

describe('a store that fails after the execution', () => {
  test.each([
    ['finish', 'throws', down, handled, 'down'],
    ['finish', 'never answers', never, handled, "The dedupe store's finish() returned nothing within 20 ms"],
    ['release', 'rejects', async () => down(), failed, 'down'],
    ['release', 'never answers', never, failed, "The dedupe store's release() returned nothing within 20 ms"],
  ])('leaves the outcome as it is and is reported: %s() %s', async (method, _how, broken, execute, message) => {
    const { run, unrecorded } = bench({ [method]: broken }, 20);
    const delivery = deliveryOf(login);
    expect(await run(execute, login, delivery)).toEqual(execute(delivery));
    expect(unrecorded).toEqual([`${ID}: ${message}`]);
  });
});
