import { MemoryDedupeStore } from '../../src/index.js';
import { INVALID_RESERVES, storeWith } from '../helpers/dedupe-store.js';
import { createApp } from '../helpers/harness.js';
import { gate } from '../helpers/waiting.js';

const never = (): Promise<never> => new Promise(() => {});
const down = (): never => {
  throw new Error('down');
};

describe('a store of the application', () => {
  test('is reserved and finished once for a delivery and its duplicate', async () => {
    const store = storeWith({});
    const { webhooks, deliver } = createApp({ dedupe: store });
    let id = '';
    webhooks.on('User.LoggedIn', (_event, delivery) => {
      id = delivery.id;
    });
    expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'handled' });
    expect((await deliver('User.LoggedIn')).body).toEqual({ status: 'duplicate' });
    expect(store.calls).toEqual([`reserve ${id}`, `finish ${id}`, `reserve ${id}`]);
  });

  test('that two routers share makes the second router respond with 409 to a delivery that the first one is running', async () => {
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
    { what: 'never answers', reserve: never },
    ...INVALID_RESERVES,
  ])('whose reserve() $what makes the response 503 with Retry-After, and no handler runs', async ({ reserve }) => {
    const { webhooks, deliver } = createApp({ dedupe: storeWith({ reserve }), timeoutMs: { dependency: 20 } });
    const [handler, rejected] = [jest.fn(), jest.fn()];
    webhooks.onAny(handler);
    webhooks.lifecycle.on('rejected', rejected);

    const response = await deliver('User.LoggedIn');

    expect(response.status).toBe(503);
    expect(response.headers['retry-after']).toMatch(/^\d+$/);
    expect(response.body).toMatchObject({ error: { code: 'ERR_DEDUPE_UNAVAILABLE' } });
    expect(rejected.mock.calls).toEqual([
      [expect.objectContaining({ reason: 'dedupe_unavailable', eventName: 'User.LoggedIn', cause: expect.any(Error) })],
    ]);
    expect(handler).not.toHaveBeenCalled();
  });

  test.each([
    ['finish', 200, () => {}],
    ['release', 500, down],
  ])('whose %s() fails leaves the status at %i, and is logged', async (method, status, handler) => {
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
});

test('without a store every delivery runs as its first attempt', async () => {
  const { webhooks, deliver } = createApp({ dedupe: false });
  const attempts: number[] = [];
  webhooks.on('User.LoggedIn', (_event, { attempt }) => attempts.push(attempt));
  await deliver('User.LoggedIn');
  await deliver('User.LoggedIn');
  expect(attempts).toEqual([1, 1]);
});
