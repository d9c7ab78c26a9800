import { VerifiedDelivery } from '../../src/delivery/delivery.js';
import { Dispatcher } from '../../src/handlers/dispatcher.js';
import { registrations } from '../../src/handlers/registrations.js';
import { Hooks } from '../../src/instrumentation/hooks.js';
import { createLog } from '../../src/instrumentation/logger.js';
import { ConfigurationError } from '../../src/shared/errors.js';
import { sampleEvent } from '../../src/testing/index.js';
import { recordingLogger } from '../helpers/harness.js';

/** The members that register handlers, the warnings that they write, and a way to run the handlers. */
function bench() {
  const logger = recordingLogger();
  const dispatcher = new Dispatcher(60_000, new Hooks(() => {}), () => {});
  const event = sampleEvent('User.LoggedIn');
  return {
    ...registrations(dispatcher, createLog(logger)),
    warnings: () => logger.lines.map(({ message }) => message),
    labels: (name: string) => dispatcher.handlers.match(name).registrations.map(({ label }) => label),
    dispatch: () => {
      const delivery = new VerifiedDelivery(Buffer.from(JSON.stringify(event)), event, {}, []);
      return dispatcher.dispatch({ event, drift: [] }, delivery);
    },
  };
}

/** The ConfigurationError that a call throws. */
function refusal(call: () => unknown): ConfigurationError {
  try {
    call();
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return thrown;
    throw thrown;
  }
  throw new Error('Nothing was thrown.');
}

const MEMBERS = {
  on: (members: ReturnType<typeof bench>, options: never) => members.on('User.LoggedIn', () => {}, options),
  onAny: (members: ReturnType<typeof bench>, options: never) => members.onAny(() => {}, options),
  onUnhandled: (members: ReturnType<typeof bench>, options: never) => members.onUnhandled(() => {}, options),
} as const;

describe.each(Object.entries(MEMBERS))('the id of a handler of %s()', (_member, register) => {
  test.each([
    ['an empty text', ''],
    ['a blank text', ' \t\n'],
    ['null', null],
    ['a number', 7],
    ['an object', {}],
  ])('is refused when it is %s', (_what, id) => {
    const members = bench();
    const { code, message } = refusal(() => register(members, { id } as never));
    expect(code).toBe('ERR_OPTION_INVALID');
    expect(message).toContain('The `id` of a handler must be text that is not blank.');
    expect(members.labels('User.LoggedIn')).toEqual([]);
  });

  test('is refused when another handler has it', () => {
    const members = bench();
    members.onAny(() => {}, { id: 'audit' });
    const { code, message } = refusal(() => register(members, { id: 'audit' } as never));
    expect(code).toBe('ERR_OPTION_INVALID');
    expect(message).toContain("Another handler already has the id 'audit'.");
  });

  test('is its label', () => {
    const members = bench();
    register(members, { id: 'audit' } as never);
    expect([...members.labels('User.LoggedIn'), ...members.labels('Email.Sent')]).toContain('audit');
  });

  test('may be left out or undefined, for several handlers', () => {
    const members = bench();
    for (const options of [undefined, {}, { id: undefined }, { id: undefined }]) register(members, options as never);
  });

  test.each([null, 'audit', 7])('is not read from %p in place of the options', (options) => {
    expect(refusal(() => register(bench(), options as never)).code).toBe('ERR_OPTION_INVALID');
  });

  test('is refused under a misspelt name', () => {
    const { message } = refusal(() => register(bench(), { Id: 'audit' } as never));
    expect(message).toContain('Did you mean `id`?');
  });
});

test('an id is free again when off() or the returned function has removed its handler', () => {
  const { on, off, labels } = bench();
  const handler = (): void => {};
  on(['User.LoggedIn', 'User.Created'], handler, { id: 'audit' });
  off(['User.LoggedIn', 'User.Created'], handler);
  const unsubscribe = on('User.LoggedIn', handler, { id: 'audit' });
  unsubscribe();
  on('User.LoggedIn', handler, { id: 'audit' });
  expect(labels('User.LoggedIn')).toEqual(['audit']);
});

test('on(), onAny() and onUnhandled() run their handlers, and off() removes those of on()', async () => {
  const { on, off, onAny, onUnhandled, dispatch } = bench();
  const [named, any, unhandled] = [jest.fn(), jest.fn(), jest.fn()];
  on(['User.LoggedIn', 'Email.*'], named);
  onAny(any);
  onUnhandled(unhandled);
  expect(await dispatch()).toMatchObject({ kind: 'handled' });
  off('User.LoggedIn', named);
  expect(await dispatch()).toMatchObject({ kind: 'unhandled' });
  expect([named, any, unhandled].map(({ mock }) => mock.calls.length)).toEqual([1, 2, 1]);
});

test('onError() registers an error handler, and the returned function removes it', async () => {
  const { on, onError, dispatch } = bench();
  const onFailure = jest.fn();
  on('User.LoggedIn', () => {
    throw new Error('boom');
  });
  const unsubscribe = onError(onFailure);
  await dispatch();
  unsubscribe();
  await dispatch();
  expect(onFailure.mock.calls).toEqual([[new Error('boom'), expect.any(VerifiedDelivery)]]);
});

test.each([undefined, null, 'handler', {}])('every member refuses %p in place of a handler', (handler) => {
  const { on, onAny, onUnhandled, onError } = bench();
  const calls = [
    () => on('User.LoggedIn', handler as never),
    () => onAny(handler as never),
    () => onUnhandled(handler as never),
    () => onError(handler as never),
  ];
  for (const call of calls) expect(refusal(call).message).toContain('A handler must be a function.');
});

test.each([undefined, null, '', [], ['User.LoggedIn', ''], 7, {}])(
  'on() and off() refuse %p in place of a name',
  (name) => {
    const { on, off } = bench();
    expect(refusal(() => on(name as never, () => {})).code).toBe('ERR_OPTION_INVALID');
    expect(refusal(() => off(name as never, () => {})).code).toBe('ERR_OPTION_INVALID');
  },
);

test('on() warns of a name that Cakemail does not publish, with the closest published one', () => {
  const { on, warnings } = bench();
  on(['User.LoggedIn', 'User.LogedIn'], () => {});
  expect(warnings()).toEqual([expect.stringMatching(/'User\.LogedIn'.*User\.LoggedIn/)]);
});

test('subscribedEvents() lists the published names that handlers of on() cover', () => {
  const { on, onAny, onUnhandled, subscribedEvents } = bench();
  onAny(() => {});
  onUnhandled(() => {});
  expect(subscribedEvents()).toEqual([]);
  const unsubscribe = on(['List.*', 'User.LoggedIn'], () => {});
  expect([...subscribedEvents()].sort()).toEqual(['List.Created', 'List.Deleted', 'List.Updated', 'User.LoggedIn']);
  unsubscribe();
  expect(subscribedEvents()).toEqual([]);
});
