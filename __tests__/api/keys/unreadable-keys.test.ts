import { cakemailKeys } from '../../../src/api/index.js';
import { createWebhookRouter } from '../../../src/index.js';
import { signedRequest } from '../../../src/testing/index.js';
import { client, LOGIN, receiver, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail, Fault } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

test('the warning of a key that could not be read names its webhook and event, and says nothing about the others', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  for (const event of ['User.LoggedIn', 'Email.Sent']) fake.add(event, URL_HERE);
  fake.fail(/wh-2/, { status: 404 });
  await cakemailKeys({ api: client(), url: URL_HERE }).refresh();
  expect(warn.mock.calls).toEqual([
    [
      expect.stringMatching(/^Not every key could be looked up\. Email\.Sent: GET \/webhooks\/wh-2: answered 404/),
      expect.objectContaining({ code: 'WARN_KEYS' }),
    ],
  ]);
  warn.mockRestore();
});

describe('when one webhook has no readable key, the others keep theirs:', () => {
  const served = async () => {
    const login = fake.add('User.LoggedIn', URL_HERE);
    fake.add('Email.Sent', URL_HERE);
    const onError = jest.fn();
    const keys = cakemailKeys({ api: client({ attempts: 1 }), url: URL_HERE, onError });
    return { login: { id: login.id, key: login.key }, keys, onError };
  };

  test.each<[string, Fault]>([
    ['no key', { change: (answer) => ({ ...(answer as object), signature: { hash_function: 'sha256' } }) }],
    ['another hash function', { change: (answer) => ({ ...(answer as object), signature: { hash_function: 'md5' } }) }],
    ['no signature', { change: () => ({ id: 'wh-2', data: {} }) }],
    ['a refusal', { status: 404 }],
    ['a failure', { status: 500 }],
  ])('62. a webhook with %s does not affect the keys of the others', async (_what, fault) => {
    const { login, keys, onError } = await served();
    fake.fail(/wh-2/, fault);
    expect(await keys.refresh()).toEqual({ 'User.LoggedIn': [login] });
    expect(onError).toHaveBeenCalledTimes(1);
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ operation: 'GET /webhooks/wh-2' }));
  });

  test.each([
    [{ status: 500 }, 200],
    [{ status: 404 }, 403],
  ])('a key that failed with %j is requested again before `renewMs`: %d', async (fault, status) => {
    await served();
    const { keys, receive } = receiver({ onError: () => {} });
    fake.fail(/wh-2/, fault);
    await keys.refresh();
    const later = performance.now() + 2_001;
    const now = jest.spyOn(performance, 'now').mockImplementation(() => later);
    const payload = { ...LOGIN, event: 'Email.Sent' };
    const { key = '' } = fake.webhooks.get('wh-2') ?? {};
    expect(await receive(fake.webhooks.get('wh-1')?.key ?? '')).toMatchObject({ status: 200 });
    const webhooks = createWebhookRouter({ secrets: keys, logger: {} });
    expect(await webhooks.receive(signedRequest(payload, { secret: key }))).toMatchObject({ status });
    now.mockRestore();
  });

  test('rejects when every key fails', async () => {
    const { keys, onError } = await served();
    fake.fail(/wh-/, { status: 404 }, { status: 404 });
    await expect(keys.refresh()).rejects.toThrow('answered 404');
    expect(onError).not.toHaveBeenCalled();
  });

  test('rejects when the whole account is refused', async () => {
    const { keys } = await served();
    fake.fail(/wh-2/, { status: 403 });
    await expect(keys.refresh()).rejects.toThrow('answered 403');
  });

  test('the key of a webhook with an unknown status is in use', async () => {
    const { login, keys } = await served();
    fake.present = (webhook) => (webhook.id === 'wh-2' ? { ...webhook, status: 'paused' } : webhook);
    const { key } = fake.webhooks.get('wh-2') ?? {};
    expect(await keys.refresh()).toEqual({ 'User.LoggedIn': [login], 'Email.Sent': [{ id: 'wh-2', key }] });
  });

  test('a key is bound to an event that the listing leaves out', async () => {
    const { login, keys } = await served();
    const { key } = fake.webhooks.get('wh-2') ?? {};
    fake.fail(/GET \/webhooks\?/, {
      change: (answer) => {
        const { data, ...page } = answer as { data: { event?: string }[] };
        return { ...page, data: data.map(({ event: _event, ...webhook }) => webhook) };
      },
    });
    expect(await keys.refresh()).toEqual({ 'User.LoggedIn': [login], 'Email.Sent': [{ id: 'wh-2', key }] });
  });
});
