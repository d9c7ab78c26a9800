import * as z from 'zod';
import type { Inbox } from '../../../src/inbox/index.js';
import { PermanentError } from '../../../src/index.js';
import {
  closeAll,
  drained,
  fail,
  LOGIN,
  login,
  newPlace,
  onEachEngine,
  open,
  type Place,
  QUICK,
  routerOn,
  send,
} from '../../helpers/inbox.js';
import { next } from '../../helpers/waiting.js';

afterEach(closeAll);

onEachEngine((engine) => {
  let place: Place;
  let inbox: Inbox;
  beforeEach(async () => {
    place = await newPlace(engine);
    inbox = await open(place);
  });

  test('a failed delivery is attempted again without the handlers with an id that succeeded', async () => {
    const webhooks = routerOn(inbox);
    const attempts: number[] = [];
    const sibling = jest.fn();
    webhooks.on('User.LoggedIn', (_event, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) fail();
    });
    const withoutId = jest.fn();
    webhooks.on('User.*', sibling, { id: 'sibling' });
    webhooks.onAny(async () => sibling(), { id: 'asynchronous sibling' });
    webhooks.on('User.*', withoutId);
    const handled = next(webhooks, 'handled');
    await send(webhooks, LOGIN);
    await handled;
    expect(attempts).toEqual([1, 2, 3]);
    expect(sibling).toHaveBeenCalledTimes(2);
    expect(withoutId).toHaveBeenCalledTimes(3);
  });

  test('handlers with an id that succeeded do not run again after a restart', async () => {
    const calls: string[] = [];
    const register = (webhooks: ReturnType<typeof routerOn>, process: string): void => {
      webhooks.on('User.LoggedIn', () => calls.push(`first in ${process}`), { id: 'first' });
      webhooks.on('User.LoggedIn', ({ account_id }, { attempt }) => {
        calls.push(`second of ${account_id} in ${process}`);
        if (attempt === 1) fail();
      });
    };
    const first = routerOn(await open(place, { ...QUICK, retries: { baseMs: 200, maxMs: 200 } }));
    register(first, 'one');
    const failed = next(first, 'failed');
    await send(first, login(1));
    await failed;
    await first.close();
    const second = routerOn(inbox);
    register(second, 'two');
    await drained(inbox);
    expect(calls).toEqual(['first in one', 'second of 1 in one', 'second of 1 in two']);
  });

  test('a delivery becomes a dead letter after its last attempt, and is handled when it is replayed', async () => {
    const webhooks = routerOn(inbox);
    const handler = jest.fn(fail);
    webhooks.on('User.LoggedIn', handler);
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    const { id, eventName, reason } = await died;
    expect([eventName, reason]).toEqual(['User.LoggedIn', 'attempts_exhausted']);
    expect(handler).toHaveBeenCalledTimes(3);
    expect(await inbox.list({ state: 'dead' })).toMatchObject([{ id, attempts: 3, reason, error: 'not today' }]);

    handler.mockImplementation((() => {}) as never);
    const handled = next(webhooks, 'handled');
    expect(await inbox.replay({ state: 'dead', event: 'User.LoggedIn' })).toBe(1);
    expect((await handled).delivery).toMatchObject({ id, attempt: 1 });
    await drained(inbox);
    expect(await inbox.get(id)).toMatchObject({ state: 'done', attempts: 1 });
  });

  test('a PermanentError makes a delivery a dead letter at once', async () => {
    const webhooks = routerOn(inbox);
    webhooks.on('User.LoggedIn', async () => {
      throw new PermanentError('The customer does not exist.');
    });
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    expect(await died).toMatchObject({ reason: 'permanent_error' });
    expect((await inbox.list())[0]).toMatchObject({ state: 'dead', attempts: 1 });
  });

  test('a handler that failed is attempted again although another one failed permanently', async () => {
    const webhooks = routerOn(inbox);
    const permanent = jest.fn(() => {
      throw new PermanentError('never');
    });
    const temporary = jest.fn().mockImplementationOnce(fail);
    webhooks.on('User.LoggedIn', permanent, { id: 'permanent' });
    webhooks.on('User.*', temporary);
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    expect(await died).toMatchObject({ reason: 'permanent_error' });
    expect([permanent.mock.calls.length, temporary.mock.calls.length]).toEqual([1, 2]);
  });

  test('a delivery that its schema rejects becomes a dead letter, and one without a handler is done', async () => {
    const data = z.object({ email: z.number() });
    const webhooks = routerOn(inbox, { schemas: { 'User.LoggedIn': data as never } });
    const died = next(webhooks, 'dead');
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'stored' });
    expect(await died).toMatchObject({ reason: 'schema_mismatch' });
    const unhandled = next(webhooks, 'unhandled');
    expect(await send(webhooks, { event: 'Unknown.Event' })).toMatchObject({ kind: 'stored' });
    await unhandled;
    await drained(inbox);
    const stored = await inbox.list();
    expect(stored.map(({ event, state }) => `${event} ${state}`).sort()).toEqual([
      'Unknown.Event done',
      'User.LoggedIn dead',
    ]);
  });
});
