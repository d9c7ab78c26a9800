import { CakemailApi, CakemailApiError } from '../../../src/api/index.js';
import { ConfigurationError } from '../../../src/index.js';
import { all, client, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import { type FakeCakemail, TOKEN, USER } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const failureOf = async (promise: Promise<unknown>): Promise<CakemailApiError> => {
  const error = await promise.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(CakemailApiError);
  for (const secret of fake.secrets)
    expect(JSON.stringify([error.message, error.details, error.stack])).not.toContain(secret);
  return error;
};

test('creates, shows, lists, changes, archives and unarchives', async () => {
  const { webhooks } = client({ accountId: 7 });
  const rateLimit = { limit: 5, period: 'minute' } as const;
  const created = await webhooks.create({ event: 'User.LoggedIn', url: URL_HERE, rateLimit });
  expect(created).toEqual({
    id: 'wh-1',
    event: 'User.LoggedIn',
    url: URL_HERE,
    status: 'active',
    archivedAt: null,
    rateLimit,
  });
  const { key } = await webhooks.show(created.id);
  expect(fake.webhooks.get('wh-1')).toMatchObject({ key });
  expect(await all(webhooks.list())).toEqual([created]);
  const changed = await webhooks.update(created.id, {
    url: `${URL_HERE}/2`,
    rateLimit: { limit: 9, period: 'second' },
  });
  expect(changed).toMatchObject({ url: `${URL_HERE}/2`, rateLimit: { limit: 9, period: 'second' } });
  expect(await webhooks.archive(created.id)).toMatchObject({ status: 'archived', archivedAt: expect.any(Date) });
  expect(await all(webhooks.list())).toEqual([]);
  expect(await all(webhooks.list({ withArchived: true }))).toHaveLength(1);
  expect(await webhooks.unarchive(created.id)).toMatchObject({ status: 'active', archivedAt: null });
});

test('lists page by page, only as far as it is read', async () => {
  for (let index = 0; index < 120; index++) fake.add('Email.Sent', `${URL_HERE}/${index}`);
  const ids = (await all(client().webhooks.list())).map(({ id }) => id);
  expect([ids.length, new Set(ids).size, fake.calls.length]).toEqual([120, 120, 3]);
  for await (const _first of client().webhooks.list()) break;
  expect(fake.calls).toHaveLength(4);
});

test('asks again for a page that the API answers with another one', async () => {
  for (let index = 0; index < 60; index++) fake.add('Email.Sent', `${URL_HERE}/${index}`);
  fake.fail(/GET/, { status: 500 });
  fake.fail(/GET/, 'drop');
  const listing = client().webhooks.list();
  await listing.next();
  fake.fail(/GET/, 'repeatPage');
  expect(await all(listing)).toHaveLength(59);
});

test.each([
  ['429 with Retry-After', { status: 429, retryAfter: '0' }],
  ['500', { status: 500 }],
  ['a broken connection', 'drop'],
  ['silence', 'hang'],
] as const)('tries again after %s', async (_name, fault) => {
  const { id } = fake.add('Email.Sent', URL_HERE);
  fake.fail(/GET/, fault, fault);
  expect(await client({ timeoutMs: 300 }).webhooks.show(id)).toMatchObject({ id });
  expect(fake.calls).toHaveLength(3);
});

test('fails after the last attempt with the reason', async () => {
  fake.fail(/GET/, { status: 503 }, { status: 503 }, { status: 503 });
  const failure = await failureOf(client({ attempts: 3 }).webhooks.show('wh-1'));
  expect([failure.code, failure.apiStatus, failure.message]).toEqual([
    'ERR_API_UNAVAILABLE',
    503,
    'GET /webhooks/wh-1: answered 503; not now',
  ]);
});

test('does not repeat a refused call, and quotes the details', async () => {
  const failure = await failureOf(client().webhooks.show('unknown'));
  expect(failure.message).toBe('GET /webhooks/unknown: answered 400; path.webhook_id: no such webhook');
  expect(failure).toMatchObject({ code: 'ERR_API_REFUSED', operation: 'GET /webhooks/unknown' });
  expect(fake.calls).toHaveLength(1);
});

test('describes an unexpected response without its values', async () => {
  fake.fail(/GET/, 'nonsense');
  const failure = await failureOf(client().webhooks.show('wh-1'));
  expect(failure.code).toBe('ERR_API_RESPONSE');
  expect(failure.details).toEqual(['signature: invalid_type', 'data: invalid_type']);
});

describe('a create that may have succeeded', () => {
  const create = () => client({ timeoutMs: 300 }).webhooks.create({ event: 'Email.Sent', url: URL_HERE });

  test.each(['dropAfter', 'drop', 'hang', { status: 500 }] as const)('is not made twice: %j', async (fault) => {
    fake.fail(/POST/, fault);
    const webhook = await create();
    expect(fake.webhooks.size).toBe(1);
    expect(fake.webhooks.has(webhook.id)).toBe(true);
  });

  test('is not taken for one that was there before', async () => {
    const { id } = fake.add('Email.Sent', URL_HERE);
    fake.fail(/POST/, 'drop');
    const created = await client().webhooks.create({ event: 'Email.Sent', url: URL_HERE }, { known: [id] });
    expect(created.id).not.toBe(id);
    expect(fake.webhooks.size).toBe(2);
  });

  test('fails when it fails each time', async () => {
    fake.fail(/POST/, 'drop', 'drop', 'drop', 'drop', 'drop');
    expect((await failureOf(create())).code).toBe('ERR_API_UNAVAILABLE');
    expect(fake.webhooks.size).toBe(0);
  });
});

describe('signing in', () => {
  test('happens when the first call is made, once for all of them', async () => {
    const { webhooks } = client(USER);
    expect(fake.calls).toEqual([]);
    await Promise.all([all(webhooks.list()), all(webhooks.list()), all(webhooks.list())]);
    expect(fake.calls.filter((call) => call === 'POST /token')).toHaveLength(1);
  });

  test.each([false, true])(
    'is renewed once for all when the token is over; the refresh token too: %s',
    async (refreshToo) => {
      const { webhooks } = client(USER);
      await all(webhooks.list());
      fake.tokens.expire({ refreshToo });
      await Promise.all([all(webhooks.list()), all(webhooks.list()), all(webhooks.list())]);
      expect(fake.calls.filter((call) => call === 'POST /token')).toHaveLength(refreshToo ? 3 : 2);
    },
  );

  test('fails for a wrong password without revealing it', async () => {
    const failure = await failureOf(all(client({ ...USER, password: 'another one' }).webhooks.list()));
    expect([failure.code, failure.apiStatus, failure.operation]).toEqual(['ERR_API_REFUSED', 401, 'POST /token']);
    expect(failure.message).not.toContain('another one');
  });

  test('fails with an expired token', async () => {
    fake.tokens.expire();
    const failure = await failureOf(all(client().webhooks.list()));
    expect([failure.code, failure.apiStatus]).toEqual(['ERR_API_REFUSED', 401]);
    expect(fake.calls).toHaveLength(1);
  });
});

test('a signal ends a call, and the wait for the next one', async () => {
  fake.fail(/GET/, 'hang');
  const abort = new AbortController();
  const shown = client({ timeoutMs: 60_000 }).webhooks.show('wh-1', { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await expect(shown).rejects.toThrow('enough');
  fake.fail(/GET/, { status: 429, retryAfter: '30' });
  const waiting = new AbortController();
  const later = client().webhooks.show('wh-1', { signal: waiting.signal });
  setTimeout(() => waiting.abort(), 50);
  await expect(later).rejects.toThrow('abort');
});

test.each<[object, string]>([
  [{}, 'needs a `token`'],
  [{ token: ' ' }, 'needs a `token`'],
  [{ token: 'a\nb' }, 'needs a `token`'],
  [{ username: 'me' }, 'needs a `token`'],
  [{ token: TOKEN, password: 'x' }, 'not both'],
  [{ token: TOKEN, baseUrl: 'http://api.cakemail.dev' }, '`baseUrl`'],
  [{ token: TOKEN, baseUrl: 'https://user:pw@api.cakemail.dev' }, '`baseUrl`'],
  [{ token: TOKEN, baseUrl: 'ftp://127.0.0.1' }, '`baseUrl`'],
  [{ token: TOKEN, timeoutMs: 0 }, '`timeoutMs`'],
  [{ token: TOKEN, accountId: 'x' }, '`accountId`'],
  [{ token: TOKEN, acountId: 1 }, 'Did you mean `accountId`?'],
])('refuses the options %#', (options, said) => {
  const create = () => new CakemailApi(options);
  expect(create).toThrow(ConfigurationError);
  expect(create).toThrow(said);
});

test.each(['', '.', '..'])('the id %j is refused before anything is sent', async (id) => {
  const { webhooks } = client();
  for (const call of [webhooks.show(id), webhooks.update(id, {}), webhooks.archive(id), webhooks.unarchive(id)])
    await expect(call).rejects.toThrow('id of a webhook');
  expect(fake.calls).toEqual([]);
});
