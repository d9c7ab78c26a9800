import { exportKeys } from '../../../src/api/index.js';
import { createWebhookRouter } from '../../../src/index.js';
import { sampleEvent, signedRequest } from '../../../src/testing/index.js';
import { client, reasonOf, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const read = () => exportKeys({ api: client(), url: URL_HERE });

test('maps each event to the keys of its active webhooks, as `secret` takes them', async () => {
  const login = fake.add('User.LoggedIn', URL_HERE);
  const [older, newer] = [fake.add('Email.Sent', URL_HERE), fake.add('Email.Sent', URL_HERE)];
  fake.add('Email.Opened', URL_HERE, { status: 'archived' });
  fake.add('Email.Clicked', 'https://elsewhere.example.com/');
  const keys = await read();
  expect(keys).toEqual({ 'User.LoggedIn': [login.key], 'Email.Sent': [older.key, newer.key] });

  const webhooks = createWebhookRouter({ secret: JSON.parse(JSON.stringify(keys)) });
  const statusFor = async (key: string): Promise<number> => {
    const { body, headers } = signedRequest(sampleEvent('Email.Sent'), { secret: key });
    return (await webhooks.receive({ rawBody: body, headers })).status;
  };
  expect([await statusFor(older.key), await statusFor(newer.key), await statusFor(login.key)]).toEqual([200, 200, 403]);
});

test('rejects when the URL has no active webhook', async () => {
  fake.add('User.LoggedIn', URL_HERE, { status: 'archived' });
  await expect(read()).rejects.toThrow('no active webhook');
});

test.each([{ status: 404 }, { status: 503 }, { status: 429, retryAfter: '3600' }])(
  'rejects when the key of one webhook cannot be read because of %j, and names its event and id',
  async (fault) => {
    fake.add('User.LoggedIn', URL_HERE);
    fake.add('Email.Sent', URL_HERE);
    fake.fail(/GET \/webhooks\/wh-2/, fault);
    const options = { api: client({ attempts: 1 }), url: URL_HERE };
    await expect(exportKeys(options)).rejects.toThrow(/^Email\.Sent: GET \/webhooks\/wh-2: .*no key was exported$/);
  },
);

test('names every webhook whose key cannot be read', async () => {
  for (const event of ['User.LoggedIn', 'Email.Sent', 'Email.Opened']) fake.add(event, URL_HERE);
  fake.fail(/wh-2/, { status: 404 });
  fake.fail(/wh-3/, { status: 404 });
  const error = await reasonOf(read());
  expect(error.message).toContain('Email.Sent: GET /webhooks/wh-2');
  expect(error.message).toContain('Email.Opened: GET /webhooks/wh-3');
  expect(error.message).toContain('no key was exported');
});

test('rejects with the reason of its signal', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(exportKeys({ api: client(), url: URL_HERE, signal })).rejects.toThrow('enough');
});

test('rejects an option that it does not know', async () => {
  const options = { api: client(), url: URL_HERE, file: '.env' };
  await expect(exportKeys(options)).rejects.toThrow('file');
});
