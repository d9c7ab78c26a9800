import { cakemailKeys, type RotationStage, rotateWebhook } from '../../../src/api/index.js';
import { client, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

test('creates, waits for the grace time, and archives', async () => {
  const old = fake.add('User.LoggedIn', URL_HERE, { rate_limit: 7 });
  const stages: RotationStage[] = [];
  const { archived, replacement } = await rotateWebhook({
    api: client(),
    id: old.id,
    graceMs: 5,
    onStage: (stage) => stages.push(stage),
  });
  expect(stages).toEqual(['created', 'grace over', 'archived']);
  expect(archived).toMatchObject({ id: old.id, status: 'archived' });
  expect(replacement).toMatchObject({
    event: 'User.LoggedIn',
    url: URL_HERE,
    rateLimit: { limit: 7, period: 'second' },
  });
  expect(fake.webhooks.get(replacement.id)?.key).not.toBe(old.key);
});

test('leaves the old webhook alone when its replacement was archived during the grace time', async () => {
  const old = fake.add('User.LoggedIn', URL_HERE);
  const api = client();
  const archiving: Promise<unknown>[] = [];
  const onStage = (_stage: RotationStage, { id }: { readonly id: string }): unknown =>
    archiving.push(api.webhooks.archive(id));
  await expect(rotateWebhook({ api: client(), id: old.id, graceMs: 200, onStage })).rejects.toThrow(
    `so ${old.id} stays: only it delivers User.LoggedIn`,
  );
  await Promise.all(archiving);
  expect(fake.webhooks.get(old.id)?.status).toBe('active');
});

test('continues where it was interrupted', async () => {
  const old = fake.add('User.LoggedIn', URL_HERE);
  const stop = new AbortController();
  const options = { api: client(), id: old.id, graceMs: 5 };
  const interrupted = rotateWebhook({ ...options, signal: stop.signal, graceMs: 60_000, onStage: () => stop.abort() });
  await expect(interrupted).rejects.toThrow('abort');
  expect(fake.active(URL_HERE)).toHaveLength(2);
  const first = await rotateWebhook(options);
  expect(await rotateWebhook(options)).toEqual(first);
  expect([fake.active(URL_HERE).length, fake.webhooks.size]).toEqual([1, 2]);
});

test('passes the key of the replacement to `keys` even when the old webhook is archived already', async () => {
  const api = client();
  const keys = cakemailKeys({ api, url: URL_HERE });
  const old = fake.add('User.LoggedIn', URL_HERE, { status: 'archived', archived_at: 1 });
  fake.add('Email.Sent', URL_HERE);
  await keys.refresh();
  const { id, key } = fake.add('User.LoggedIn', URL_HERE);
  const { replacement } = await rotateWebhook({ api, id: old.id, keys });
  expect(replacement.id).toBe(id);
  expect(await keys()).toMatchObject({ 'User.LoggedIn': [{ id, key }] });
});

test.each([
  ['wh-9', 'The webhook wh-9 does not exist.'],
  ['wh-1', 'The webhook wh-1 is archived.'],
])('refuses %s', async (id, said) => {
  fake.add('User.LoggedIn', URL_HERE, { status: 'archived', archived_at: 1 });
  await expect(rotateWebhook({ api: client(), id })).rejects.toThrow(said);
});

test('refuses a grace time that exceeds the range of timers', async () => {
  const old = fake.add('User.LoggedIn', URL_HERE);
  await expect(rotateWebhook({ api: client(), id: old.id, graceMs: 2 ** 31 })).rejects.toThrow('`graceMs`');
  expect(fake.calls).toEqual([]);
});

describe('an interrupted rotation', () => {
  beforeEach(() => {
    fake.prefix = '';
  });

  test('is not reversed, so the newer webhook is never archived for the older one', async () => {
    for (let index = 0; index < 8; index++) fake.add('Email.Opened', URL_HERE);
    for (const _ of ['old', 'new']) fake.add('User.LoggedIn', URL_HERE);
    await expect(rotateWebhook({ api: client(), id: '10', graceMs: 1 })).rejects.toThrow(
      'The webhook 10 seems to be the replacement of 9, whose rotation was interrupted: rotate 9 first.',
    );
    expect(fake.active(URL_HERE)).toHaveLength(10);
    const { replacement } = await rotateWebhook({ api: client(), id: '9', graceMs: 1 });
    expect(replacement.id).toBe('10');
  });

  test('continues with the newest of several', async () => {
    for (const _ of [1, 2, 3]) fake.add('User.LoggedIn', URL_HERE);
    expect((await rotateWebhook({ api: client(), id: '1', graceMs: 1 })).replacement.id).toBe('3');
  });
});

test('a webhook with an unknown status is not rotated', async () => {
  fake.add('User.LoggedIn', URL_HERE);
  fake.present = (webhook) => ({ ...webhook, status: 'paused' });
  await expect(rotateWebhook({ api: client(), id: 'wh-1' })).rejects.toThrow("status 'paused'");
});
