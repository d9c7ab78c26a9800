import type { Inbox } from '../../../src/inbox/index.js';
import type { WebhookRouter } from '../../../src/index.js';
import {
  closeAll,
  drained,
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

/** Registers a handler that runs until `finish` is called. Resolves when the handler starts. */
function startedHandler(webhooks: WebhookRouter): Promise<{ readonly id: string; readonly finish: () => void }> {
  return new Promise((resolve) => {
    webhooks.on('User.LoggedIn', (_event, { id }) => new Promise<void>((finish) => resolve({ id, finish })));
  });
}

onEachEngine((engine) => {
  let place: Place;
  let inbox: Inbox;
  beforeEach(async () => {
    place = await newPlace(engine);
    inbox = await open(place);
  });

  test('a worker handles what another process received', async () => {
    const web = routerOn(inbox, { worker: false });
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => send(web, login(index))));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['stored']));
    expect(await inbox.stats()).toMatchObject({ waiting: 50, active: 0, done: 0, dead: 0 });
    const worker = routerOn(await open(place), { worker: false });
    const seen = new Set<unknown>();
    worker.on('User.LoggedIn', ({ account_id }) => seen.add(account_id));
    worker.work({ concurrency: 3 });
    await drained(inbox);
    expect(seen.size).toBe(50);
  });

  test('a worker handles as many deliveries at a time as `concurrency` allows', async () => {
    let running = 0;
    let most = 0;
    const webhooks = routerOn(inbox, { worker: { concurrency: 3 } });
    webhooks.on('User.LoggedIn', async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    });
    await Promise.all(Array.from({ length: 20 }, (_, index) => send(webhooks, login(index))));
    await drained(inbox);
    expect(most).toBe(3);
  });

  test('close() waits for the running handler, and the other deliveries stay in the inbox', async () => {
    const webhooks = routerOn(inbox, { worker: { concurrency: 1 } });
    const started = startedHandler(webhooks);
    await Promise.all([send(webhooks, login(1)), send(webhooks, login(2))]);
    const { finish } = await started;
    const closed = webhooks.close();
    expect(await send(webhooks, login(3))).toMatchObject({ status: 503 });
    finish();
    await closed;
    const states = (await (await open(place)).list()).map(({ state }) => state).sort();
    expect(states).toEqual(['done', 'waiting']);
  });

  test('close() waits for a handler that starts while it is called', async () => {
    for (let index = 0; index < 10; index++) {
      const again = await open(place);
      const webhooks = routerOn(again);
      let running = 0;
      webhooks.on('User.LoggedIn', async () => {
        running++;
        await new Promise((resolve) => setTimeout(resolve, 30));
        running--;
      });
      await send(webhooks, login(index));
      await new Promise((resolve) => setTimeout(resolve, index % 4));
      await webhooks.close();
      expect(running).toBe(0);
    }
    const states = new Set((await inbox.list()).map(({ state }) => state));
    expect(states.has('active')).toBe(false);
  });

  test('an active delivery can be neither removed nor replayed', async () => {
    const webhooks = routerOn(inbox);
    const started = startedHandler(webhooks);
    await send(webhooks, LOGIN);
    const { id, finish } = await started;
    expect(await inbox.get(id)).toMatchObject({ state: 'active', attempts: 1 });
    for (const which of [id, { all: true }] as const) {
      expect([await inbox.remove(which), await inbox.replay(which)]).toEqual([0, 0]);
    }
    finish();
    await drained(inbox);
    expect(await inbox.get(id)).toMatchObject({ state: 'done' });
  });
});
