import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import { AcceptedOutcome, RejectedOutcome } from '../../src/delivery/outcome.js';
import { Hooks, type Subscriber } from '../../src/instrumentation/hooks.js';
import { sampleEvent } from '../../src/testing/index.js';

const event = sampleEvent('User.LoggedIn');
const rawBody = Buffer.from(JSON.stringify(event));
const delivery = new VerifiedDelivery(rawBody, event, {}, []);
const request = { headers: {}, rawBody };
const outcome = new AcceptedOutcome('handled', event, delivery);
const rejected = new RejectedOutcome('body_too_large');
const call = { handler: 'audit', delivery };
const error = new Error('boom');

const boom = (): never => {
  throw error;
};

type HookName = keyof Subscriber;

/** Every hook: how it is called, and what its subscribers get. */
const HOOKS: readonly (readonly [name: HookName, notify: (hooks: Hooks) => void, args: readonly unknown[]])[] = [
  ['notified', (hooks) => hooks.notify('received', { bytes: 7 }), ['received', { bytes: 7 }]],
  ['requestReceived', (hooks) => hooks.requestReceived(request), [request]],
  ['requestVerified', (hooks) => hooks.requestVerified(request, delivery), [request, delivery]],
  ['requestEnded', (hooks) => hooks.requestEnded(request, outcome), [request, outcome]],
  ['requestEnded', (hooks) => hooks.requestEnded(undefined, rejected), [undefined, rejected]],
  ['handlerStarted', (hooks) => hooks.handlerStarted(call), [call]],
  ['handlerEnded', (hooks) => hooks.handlerEnded(call), [call, undefined]],
  ['handlerEnded', (hooks) => hooks.handlerEnded(call, error), [call, error]],
];

/** Hooks, and the errors that they report. */
function bench() {
  const reported: Error[] = [];
  return { hooks: new Hooks((thrown) => reported.push(thrown)), reported };
}

/** A subscriber to every hook that records its calls. */
function recorder(record: (name: HookName, args: readonly unknown[]) => void): Required<Subscriber> {
  const hook =
    (name: HookName) =>
    (...args: readonly unknown[]) =>
      record(name, args);
  return {
    notified: hook('notified'),
    requestReceived: hook('requestReceived'),
    requestVerified: hook('requestVerified'),
    requestEnded: hook('requestEnded'),
    handlerStarted: hook('handlerStarted'),
    handlerEnded: hook('handlerEnded'),
  };
}

describe.each(HOOKS)('the hook %s', (name, notify, args) => {
  test('is called with its arguments, and no other hook is', () => {
    const { hooks, reported } = bench();
    const calls: unknown[] = [];
    hooks.subscribe(recorder((...recorded) => calls.push(recorded)));
    notify(hooks);
    expect(calls).toEqual([[name, args]]);
    expect(reported).toEqual([]);
  });

  test('may be left out by a subscriber', () => {
    const { hooks, reported } = bench();
    hooks.subscribe({});
    notify(hooks);
    expect(reported).toEqual([]);
  });

  test('may throw, which is reported, and the other subscribers are still called', () => {
    const { hooks, reported } = bench();
    const later = jest.fn();
    hooks.subscribe({ [name]: boom });
    hooks.subscribe(recorder(later));
    notify(hooks);
    expect(reported).toEqual([error]);
    expect(later).toHaveBeenCalledTimes(1);
  });
});

test('hooks without subscribers do nothing', () => {
  const { hooks, reported } = bench();
  for (const [, notify] of HOOKS) notify(hooks);
  expect(reported).toEqual([]);
});

test('subscribers are called in the order in which they subscribed', () => {
  const { hooks } = bench();
  const order: string[] = [];
  for (const name of ['first', 'second', 'third']) hooks.subscribe({ notified: () => order.push(name) });
  hooks.notify('received', { bytes: 1 });
  expect(order).toEqual(['first', 'second', 'third']);
});

test('a hook is called on its subscriber', () => {
  const { hooks } = bench();
  class Counter implements Subscriber {
    count = 0;
    requestReceived(): void {
      this.count++;
    }
  }
  const counter = new Counter();
  hooks.subscribe(counter);
  hooks.requestReceived(request);
  expect(counter.count).toBe(1);
});

test('a thrown value that is not an Error is reported as one', () => {
  const { hooks, reported } = bench();
  hooks.subscribe({
    notified: () => {
      throw 'text';
    },
  });
  hooks.notify('received', { bytes: 1 });
  expect(reported).toEqual([expect.objectContaining({ message: expect.stringContaining('text'), cause: 'text' })]);
});

describe('the function that subscribe() returns', () => {
  test('removes its subscriber and no other, and does nothing when it is called again', () => {
    const { hooks } = bench();
    const [first, second] = [jest.fn(), jest.fn()];
    const unsubscribe = hooks.subscribe({ notified: first });
    hooks.subscribe({ notified: second });
    unsubscribe();
    unsubscribe();
    hooks.notify('received', { bytes: 1 });
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
  });

  test('may be called by a subscriber while hooks are called', () => {
    const { hooks } = bench();
    const later = jest.fn();
    const unsubscribe = hooks.subscribe({ notified: () => unsubscribe() });
    hooks.subscribe({ notified: later });
    hooks.notify('received', { bytes: 1 });
    expect(later).toHaveBeenCalledTimes(1);
  });
});

test('a subscriber that is added while hooks are called gets the next call', () => {
  const { hooks } = bench();
  const added = jest.fn();
  const unsubscribe = hooks.subscribe({
    notified: () => {
      unsubscribe();
      hooks.subscribe({ notified: added });
    },
  });
  hooks.notify('received', { bytes: 1 });
  expect(added).not.toHaveBeenCalled();
  hooks.notify('received', { bytes: 2 });
  expect(added.mock.calls).toEqual([['received', { bytes: 2 }]]);
});

test.each(['handlerStarted', 'handlerEnded'] as const)(
  'followsHandlers is true as long as a subscriber has the hook %s',
  (name) => {
    const { hooks } = bench();
    expect(hooks.followsHandlers).toBe(false);
    hooks.subscribe({ notified: () => {}, requestEnded: () => {} });
    expect(hooks.followsHandlers).toBe(false);
    const unsubscribe = hooks.subscribe({ [name]: () => {} });
    expect(hooks.followsHandlers).toBe(true);
    unsubscribe();
    expect(hooks.followsHandlers).toBe(false);
  },
);
