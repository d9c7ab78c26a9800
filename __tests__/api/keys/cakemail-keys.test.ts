import { applyPlan, cakemailKeys, planWebhooks } from '../../../src/api/index.js';
import { createWebhookRouter } from '../../../src/index.js';
import { client, receiver, signed, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

test('gives the key of every active webhook on the URL, bound to its event and named by its id', async () => {
  const login = fake.add('User.LoggedIn', URL_HERE);
  const sent = fake.add('Email.Sent', URL_HERE);
  const archived = fake.add('User.LoggedIn', URL_HERE, { status: 'archived', archived_at: 1_700_000_000 });
  const elsewhere = fake.add('User.LoggedIn', 'https://elsewhere.example.com/');
  const { webhooks, receive } = receiver();
  const verified = jest.fn();
  webhooks.lifecycle.on('verified', verified);
  expect(await receive(login.key)).toMatchObject({ status: 200 });
  expect(verified).toHaveBeenCalledWith(expect.objectContaining({ ids: [login.id] }));
  for (const { key } of [sent, archived, elsewhere]) expect(await receive(key, 2)).toMatchObject({ status: 403 });
  expect(fake.calls.filter((call) => call === 'GET /webhooks')).toHaveLength(1);
  expect(fake.calls).toHaveLength(3);
});

test('looks up an unknown key, and accepts it', async () => {
  const { receive } = receiver({ renewMs: 1 });
  const old = fake.add('User.LoggedIn', URL_HERE);
  expect(await receive(old.key)).toMatchObject({ status: 200 });
  const fresh = fake.add('User.LoggedIn', URL_HERE);
  await new Promise((resolve) => setTimeout(resolve, 2));
  const [one, two] = await Promise.all([receive(fresh.key, 2), receive(fresh.key, 3)]);
  expect([one.status, two.status]).toEqual([200, 200]);
  // The second delivery came during a lookup that may have begun too early, so it causes another. Each key is read once.
  expect(fake.calls.filter((call) => call === 'GET /webhooks')).toHaveLength(3);
  expect(fake.calls).toHaveLength(5);
  expect(await receive(old.key, 4)).toMatchObject({ status: 200 });
});

test('a flood of forgeries causes no flood of calls', async () => {
  const { key } = fake.add('User.LoggedIn', URL_HERE);
  const { receive } = receiver();
  expect(await receive(key)).toMatchObject({ status: 200 });
  const outcomes = await Promise.all(Array.from({ length: 500 }, (_, index) => receive('not the key', index)));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([403]));
  expect(fake.calls).toHaveLength(2);
});

test('a flood while no key is known causes none either', async () => {
  fake.tokens.expire();
  const { receive } = receiver();
  for (let index = 0; index < 50; index++) expect(await receive('a key', index)).toMatchObject({ status: 503 });
  expect(fake.calls).toHaveLength(1);
});

test('the last known keys stay in use while the API is down, and forgeries are still rejected', async () => {
  const { key } = fake.add('User.LoggedIn', URL_HERE);
  const onError = jest.fn();
  const { receive } = receiver({ renewMs: 1, maxAgeMs: 1, onError });
  expect(await receive(key)).toMatchObject({ status: 200 });
  fake.tokens.expire();
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(await receive('not the key', 2)).toMatchObject({ status: 403 });
  expect(await receive(key, 3)).toMatchObject({ status: 200 });
});

test('old keys are renewed in the background, and deliveries do not wait', async () => {
  const { key } = fake.add('User.LoggedIn', URL_HERE);
  const onError = jest.fn();
  const keys = cakemailKeys({ api: client({ attempts: 1 }), url: URL_HERE, maxAgeMs: 1, onError });
  await keys();
  await new Promise((resolve) => setTimeout(resolve, 2));
  fake.tokens.expire();
  expect(await keys()).toEqual({ 'User.LoggedIn': [{ id: 'wh-1', key }] });
  while (onError.mock.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(onError).toHaveBeenCalledWith(expect.objectContaining({ apiStatus: 401 }));
});

test('a webhook that was just archived may still deliver', async () => {
  const webhook = fake.add('User.LoggedIn', URL_HERE, {
    status: 'archived',
    archived_at: Math.floor(Date.now() / 1000),
  });
  const { receive } = receiver();
  expect(await receive(webhook.key)).toMatchObject({ status: 200 });
});

test('rejects for a URL without a webhook', async () => {
  await expect(cakemailKeys({ api: client(), url: URL_HERE }).refresh()).rejects.toThrow(
    'no active webhook on this URL',
  );
});

test('60 keys need one listing and one call each', async () => {
  for (let index = 0; index < 60; index++) fake.add('Email.Sent', URL_HERE);
  const keys = cakemailKeys({ api: client(), url: URL_HERE });
  await keys.refresh();
  await keys.refresh();
  expect(fake.calls.filter((call) => call === 'GET /webhooks')).toHaveLength(4);
  expect(fake.calls).toHaveLength(64);
});

describe('what refresh() found', () => {
  test('reaches the router with the first delivery that needs it, without a further call', async () => {
    const old = fake.add('User.LoggedIn', URL_HERE);
    const { keys, receive } = receiver();
    expect(await receive(old.key)).toMatchObject({ status: 200 });
    const fresh = fake.add('User.LoggedIn', URL_HERE);
    await keys.refresh();
    const calls = fake.calls.length;
    expect(await receive(fresh.key, 2)).toMatchObject({ status: 200 });
    expect(await receive(old.key, 3)).toMatchObject({ status: 200 });
    for (let index = 4; index < 50; index++) expect(await receive('forged', index)).toMatchObject({ status: 403 });
    expect(fake.calls).toHaveLength(calls);
  });

  test('reaches each of several routers', async () => {
    const old = fake.add('User.LoggedIn', URL_HERE);
    const { keys, receive } = receiver();
    const other = createWebhookRouter({ secrets: keys, logger: {} });
    for (const each of [receive(old.key), other.receive(signed(old.key, 1))])
      expect(await each).toMatchObject({ status: 200 });
    const fresh = fake.add('User.LoggedIn', URL_HERE);
    const latest = await keys.refresh();
    expect(await receive(fresh.key, 2)).toMatchObject({ status: 200 });
    expect(await other.receive(signed(fresh.key, 2))).toMatchObject({ status: 200 });
    expect(keys({ refresh: true })).toBe(latest);
  });

  test('is current even when an earlier lookup is still running', async () => {
    const old = fake.add('User.LoggedIn', URL_HERE);
    const { keys } = receiver();
    const before = keys.refresh();
    while (!fake.calls.includes('GET /webhooks/wh-1')) await new Promise((resolve) => setImmediate(resolve));
    const fresh = fake.add('User.LoggedIn', URL_HERE);
    const [now, shared] = await Promise.all([keys.refresh(), keys.refresh(), before]);
    expect(now['User.LoggedIn']).toEqual([old, fresh].map(({ id, key }) => ({ id, key })));
    expect(shared).toBe(now);
    expect(fake.calls.filter((call) => call === 'GET /webhooks')).toHaveLength(2);
  });
});

test('has no keys once every webhook is archived and its grace time is over', async () => {
  const webhook = fake.add('User.LoggedIn', URL_HERE);
  const onError = jest.fn();
  const keys = cakemailKeys({ api: client({ attempts: 1 }), url: URL_HERE, maxAgeMs: 1, onError });
  await keys.refresh();
  Object.assign(webhook, { status: 'archived', archived_at: 1_000 });
  await expect(keys.refresh()).rejects.toThrow('no active webhook on this URL');
  expect(() => keys()).toThrow('no active webhook on this URL');
  const { receive } = receiver();
  expect(await receive(webhook.key)).toMatchObject({ status: 503 });
});

test('an `onError` that throws does no harm', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  fake.add('User.LoggedIn', URL_HERE);
  const onError = () => {
    throw new Error('boom');
  };
  const keys = cakemailKeys({ api: client({ attempts: 1 }), url: URL_HERE, maxAgeMs: 1, onError });
  await keys();
  fake.tokens.expire();
  await new Promise((resolve) => setTimeout(resolve, 2));
  await keys();
  while (warn.mock.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('boom'), expect.anything());
  warn.mockRestore();
});

describe('after `applyPlan`', () => {
  const EVENTS = ['Email.Sent', 'User.LoggedIn'];
  const keyOf = (id: string) => ({ id, key: fake.webhooks.get(id)?.key });
  const BOTH = () => ({ 'Email.Sent': [keyOf('wh-1')], 'User.LoggedIn': [keyOf('wh-2')] });

  test.each([3, 99])('refresh() has the keys of what was created, though a listing is late by %d', async (lag) => {
    fake.lag = lag;
    const api = client();
    const keys = cakemailKeys({ api, url: URL_HERE });
    await applyPlan(await planWebhooks({ api, url: URL_HERE, events: EVENTS }));
    expect(await keys.refresh()).toEqual(BOTH());
  });

  test('refresh() waits until what was created can be read', async () => {
    fake.showLag = 3;
    const api = client();
    await applyPlan(await planWebhooks({ api, url: URL_HERE, events: EVENTS }));
    expect(await cakemailKeys({ api, url: URL_HERE }).refresh()).toEqual(BOTH());
  });
});

test('the error names a webhook whose URL differs by a trailing slash', async () => {
  fake.add('User.LoggedIn', `${URL_HERE}/`);
  await expect(cakemailKeys({ api: client(), url: URL_HERE }).refresh()).rejects.toThrow(
    `There is one on ${URL_HERE}/, which differs by a trailing slash`,
  );
});

test('a key that is added reaches every router without a call, before any listing shows its webhook', async () => {
  const old = fake.add('User.LoggedIn', URL_HERE);
  const { keys, receive } = receiver();
  expect(await receive(old.key)).toMatchObject({ status: 200 });
  const fresh = fake.add('User.LoggedIn', 'https://elsewhere.example.com/');
  await keys.add(await client().webhooks.show(fresh.id));
  const calls = fake.calls.length;
  expect(await receive(fresh.key, 2)).toMatchObject({ status: 200 });
  expect(await receive(old.key, 3)).toMatchObject({ status: 200 });
  expect(fake.calls).toHaveLength(calls);
});
