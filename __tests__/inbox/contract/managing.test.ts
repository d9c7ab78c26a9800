import type { Inbox } from '../../../src/inbox/index.js';
import { ConfigurationError } from '../../../src/index.js';
import {
  closeAll,
  LOGIN,
  login,
  newPlace,
  onEachEngine,
  open,
  type Place,
  routerOn,
  send,
} from '../../helpers/inbox.js';

afterEach(closeAll);

onEachEngine((engine) => {
  let place: Place;
  let inbox: Inbox;
  beforeEach(async () => {
    place = await newPlace(engine);
    inbox = await open(place);
  });

  test('deliveries are listed, counted and removed', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    await send(webhooks, login(1));
    await send(webhooks, { event: 'Email.Bounced' });
    expect(await inbox.list({ event: 'Email.Bounced' })).toMatchObject([{ event: 'Email.Bounced', state: 'waiting' }]);
    expect(await inbox.list({ limit: 1 })).toHaveLength(1);
    expect(await inbox.list({ since: new Date(Date.now() + 60_000) })).toEqual([]);
    const none = { waiting: 0, active: 0, done: 0, dead: 0 };
    expect(await inbox.stats()).toEqual({
      ...none,
      waiting: 2,
      oldestAgeMs: expect.any(Number),
      events: { 'User.LoggedIn': { ...none, waiting: 1 }, 'Email.Bounced': { ...none, waiting: 1 } },
    });
    expect(await inbox.remove({ event: 'Email.Bounced' })).toBe(1);
    const [left] = await inbox.list();
    expect(left?.event).toBe('User.LoggedIn');
    expect(await inbox.remove(left?.id ?? '')).toBe(1);
    expect(await inbox.stats()).toEqual({ ...none, oldestAgeMs: 0, events: {} });
    expect(await inbox.get(left?.id ?? '')).toBeUndefined();
  });

  test('58. replay() and remove() change every delivery only with { all: true }', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    await send(webhooks, LOGIN);
    const empty = [
      {},
      { state: undefined },
      { event: undefined, since: undefined },
      { all: false },
      { all: undefined },
    ];
    for (const which of [...empty, { all: true, state: 'waiting' }, { all: 'yes' }] as never[]) {
      for (const method of [inbox.remove, inbox.replay])
        await expect(method(which)).rejects.toThrow(ConfigurationError);
    }
    await expect(inbox.remove({} as never)).rejects.toThrow('Pass { all: true } if you mean that');
    expect(await inbox.stats()).toMatchObject({ waiting: 1 });
    expect(await inbox.replay({ all: true })).toBe(0);
    expect(await inbox.remove({ all: true })).toBe(1);
  });

  test('an invalid filter is rejected, and an invalid id matches no delivery', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    await send(webhooks, LOGIN);
    const invalid = [5, null, ['id'], { id: 'x' }, { state: 'failed' }, { state: null }, { event: 1 }, { since: 0 }];
    for (const which of [...invalid, { since: new Date('nonsense') }] as never[]) {
      for (const method of [inbox.list, inbox.remove, inbox.replay]) {
        await expect(method(which)).rejects.toThrow(ConfigurationError);
      }
    }
    for (const limit of [0, -1, 1.5, Number.NaN]) await expect(inbox.list({ limit })).rejects.toThrow('`limit`');
    for (const id of ['no such id', 'meta', 'wait', 'events', 'id', '', '\0', 'A'.repeat(64)]) {
      expect([await inbox.get(id), await inbox.remove(id), await inbox.replay(id)]).toEqual([undefined, 0, 0]);
    }
    expect(await inbox.stats()).toMatchObject({ waiting: 1 });
  });
});
