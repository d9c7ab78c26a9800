import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { applyPlan, cakemailKeys, planWebhooks, type RotationStage, rotateWebhook } from '../../../src/api/index.js';
import { createWebhookRouter } from '../../../src/index.js';
import { sampleEvent, signedRequest } from '../../../src/testing/index.js';
import { client, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail, Fault } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

/** A router behind a real server whose keys come from the API, by a client of its own. */
async function receiving(api = client()) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/cakemail`;
  const keys = cakemailKeys({ api, url });
  const webhooks = createWebhookRouter({ secrets: keys, logger: {} });
  webhooks.on('User.LoggedIn', () => {});
  server.on('request', express().use('/webhooks/cakemail', webhooks));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url, keys, stop };
}

describe('the router has the new key before the old webhook is archived', () => {
  test.each([0, 99])('61. even when a listing is late by %d', async (lag) => {
    const { url, keys, stop } = await receiving();
    const old = fake.add('User.LoggedIn', url);
    expect(await fake.deliver('User.LoggedIn', { account_id: 1 })).toEqual([200]);
    fake.lag = lag;
    const statuses: number[][] = [];
    fake.meanwhile = async (operation) => {
      if (operation.endsWith('/archive')) statuses.push(await fake.deliver('User.LoggedIn', { account_id: 2 }));
    };
    // By another client than that of the keys, as a command is.
    await rotateWebhook({ api: client(), id: old.id, keys, graceMs: 1 });
    statuses.push(await fake.deliver('User.LoggedIn', { account_id: 3 }));
    await keys.refresh().catch(() => {});
    statuses.push(await fake.deliver('User.LoggedIn', { account_id: 4 }));
    expect(statuses).toEqual([[200], [200], [200]]);
    await stop();
  });

  test('also when it is shown late', async () => {
    const { url, keys, stop } = await receiving();
    const old = fake.add('User.LoggedIn', url);
    fake.showLag = 3;
    await rotateWebhook({ api: client(), id: old.id, keys, graceMs: 1 });
    expect(await fake.deliver('User.LoggedIn')).toEqual([200]);
    await stop();
  });

  test.each<[string, Fault[]]>([
    ['is not shown', [{ change: (answer) => ({ ...(answer as object), signature: { hash_function: 'sha256' } }) }]],
    ['cannot be read', [{ status: 403 }]],
    ['cannot be read at all', Array.from({ length: 5 }, () => ({ status: 500 }))],
  ])('61. or nothing is archived, because it %s', async (_what, faults) => {
    const { url, keys, stop } = await receiving();
    const old = fake.add('User.LoggedIn', url);
    fake.fail(/GET \/webhooks\/wh-2/, ...faults);
    await expect(rotateWebhook({ api: client(), id: old.id, keys, graceMs: 1 })).rejects.toThrow('GET /webhooks/wh-2');
    expect(fake.active(url)).toHaveLength(2);
    await rotateWebhook({ api: client(), id: old.id, keys, graceMs: 1 });
    expect(fake.active(url)).toHaveLength(1);
    await stop();
  });
});

test('nothing is archived before the grace time, although the new webhook has delivered', async () => {
  const { url, keys, stop } = await receiving();
  const old = fake.add('User.LoggedIn', url);
  const graceMs = 300;
  let begun = Number.POSITIVE_INFINITY;
  const onStage = async (stage: RotationStage): Promise<void> => {
    if (stage !== 'created') return;
    begun = performance.now();
    expect(await fake.deliver('User.LoggedIn')).toEqual([200, 200]);
  };
  await rotateWebhook({ api: client(), id: old.id, keys, graceMs, onStage });
  const archived = fake.times[fake.calls.findIndex((call) => call.endsWith('/archive'))] ?? 0;
  // Node's timers may be a millisecond early.
  expect(archived - begun).toBeGreaterThanOrEqual(graceMs - 2);
  await stop();
});

test('provisions webhooks and rotates one under traffic without rejecting or losing a delivery', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/cakemail`;
  const api = client();
  const keys = cakemailKeys({ api, url });
  const webhooks = createWebhookRouter({ secrets: keys, logger: {} });
  const seen = new Set<number>();
  webhooks.on('User.LoggedIn', ({ account_id }) => seen.add(account_id as number));
  webhooks.on('Email.*', () => {});
  const rejected = jest.fn();
  webhooks.lifecycle.on('rejected', rejected);
  server.on('request', express().use('/webhooks/cakemail', webhooks));

  const { webhooks: made } = await applyPlan(await planWebhooks({ api, url, events: webhooks.subscribedEvents() }));
  const login = made.find(({ event }) => event === 'User.LoggedIn');
  const statuses = new Set<number>();
  let sent = 0;
  const deliverOne = async (): Promise<void> => {
    for (const status of await fake.deliver('User.LoggedIn', { account_id: sent++ })) statuses.add(status);
  };
  await deliverOne();

  let isRotating = true;
  const traffic = Promise.all(
    [1, 2, 3].map(async () => {
      while (isRotating) await deliverOne();
      for (let more = 0; more < 20; more++) await deliverOne();
    }),
  );
  const stages: RotationStage[] = [];
  const onStage = (stage: RotationStage) => stages.push(stage);
  const { replacement } = await rotateWebhook({ api, id: login?.id ?? '', keys, graceMs: 200, onStage });
  isRotating = false;
  await traffic;

  expect(stages).toEqual(['created', 'grace over', 'archived']);
  expect(statuses).toEqual(new Set([200]));
  expect(rejected).not.toHaveBeenCalled();
  expect(seen.size).toBe(sent);
  expect(fake.webhooks.get(replacement.id)?.status).toBe('active');
  await webhooks.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

test('accepts a delivery under the new key even before the creation is answered', async () => {
  const api = client();
  const keys = cakemailKeys({ api, url: URL_HERE });
  const webhooks = createWebhookRouter({ secrets: keys, logger: {} });
  const old = fake.add('User.LoggedIn', URL_HERE);
  let count = 0;
  const receive = async (key: string): Promise<number> => {
    const signed = signedRequest(sampleEvent('User.LoggedIn', { account_id: ++count }), { secret: key });
    return (await webhooks.receive(signed)).status;
  };
  expect(await receive(old.key)).toBe(200);
  expect(await receive('a forgery, which makes it look')).toBe(403);
  const statuses: number[] = [];
  fake.meanwhile = async (operation) => {
    if (operation !== 'POST /webhooks') return;
    const [created] = [...fake.webhooks.values()].slice(-1);
    statuses.push(...(await Promise.all([receive(created?.key as string), receive(old.key), receive('a forgery')])));
  };
  await rotateWebhook({ api, id: old.id, keys, graceMs: 5 });
  expect(statuses).toEqual([200, 200, 403]);
});
