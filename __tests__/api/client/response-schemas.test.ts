import { applyPlan, type CakemailApiError, cakemailKeys, planWebhooks, rotateWebhook } from '../../../src/api/index.js';
import { all, client, reasonOf, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail, Fault } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const OPTIONAL = ['id', 'event', 'url', 'status', 'archived_at', 'rate_limit', 'rate_limit_period'] as const;
const ODD: readonly [string, unknown][] = [
  ...OPTIONAL.map((member): [string, unknown] => [`no ${member}`, { [member]: undefined }]),
  ...OPTIONAL.map((member): [string, unknown] => [`null as ${member}`, { [member]: null }]),
  ['nothing at all', Object.fromEntries(OPTIONAL.map((member) => [member, undefined]))],
  ['null in its place', null],
  ['a text in its place', 'odd'],
];

/** The second of two webhooks is shown with these members, or as this value. */
function makeOdd(more: unknown): void {
  fake.add('Email.Sent', URL_HERE);
  fake.add('Email.Opened', URL_HERE);
  fake.present = (webhook) => {
    if (webhook.id !== 'wh-2') return webhook;
    return typeof more === 'object' && more !== null ? { ...webhook, ...more } : more;
  };
}

describe.each(ODD)('one webhook with %s', (_what, more) => {
  test('does not hide the other one from the list, a plan, the keys and a rotation', async () => {
    makeOdd(more);
    const api = client();
    expect(await all(api.webhooks.list())).toContainEqual(expect.objectContaining({ id: 'wh-1', event: 'Email.Sent' }));
    const { steps } = await planWebhooks({ api, url: URL_HERE, events: ['Email.Sent'] });
    expect(steps).toEqual([expect.objectContaining({ action: 'keep', event: 'Email.Sent' })]);
    const keys = await cakemailKeys({ api, url: URL_HERE, onError: () => {} }).refresh();
    expect(keys['Email.Sent']).toEqual([{ id: 'wh-1', key: fake.webhooks.get('wh-1')?.key }]);
    const { archived, replacement } = await rotateWebhook({ api, id: 'wh-1', graceMs: 1 });
    expect([archived, replacement]).toMatchObject([{ id: 'wh-1', status: 'archived' }, { id: 'wh-3' }]);
  });
});

test('members that are absent are empty', async () => {
  makeOdd({ event: undefined, url: undefined, rate_limit: undefined });
  expect((await all(client().webhooks.list()))[1]).toEqual({
    id: 'wh-2',
    event: '',
    url: '',
    status: 'active',
    archivedAt: null,
    rateLimit: null,
  });
});

test('a plan reports a webhook without an event or an id, and does not change it', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  makeOdd({ id: undefined });
  const { steps, unknownStatus } = await planWebhooks({
    api: client(),
    url: URL_HERE,
    events: ['Email.*'],
    prune: true,
  });
  expect(steps.map(({ action, event }) => `${action} ${event}`)).not.toContain('create Email.Opened');
  expect(unknownStatus).toEqual([expect.objectContaining({ id: '', event: 'Email.Opened' })]);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining('no id (Email.Opened)'), expect.anything());
  warn.mockRestore();
});

test('a webhook that is read by its id has that id, and its absent members are empty', async () => {
  makeOdd(Object.fromEntries(OPTIONAL.map((member) => [member, undefined])));
  expect(await client().webhooks.show('wh-2')).toMatchObject({ id: 'wh-2', event: '', url: '', status: 'active' });
});

describe.each<[string, Fault]>([
  ['an id alone', { change: (answer) => ({ id: (answer as { id: string }).id }) }],
  ['empty data', { change: () => ({ data: {} }) }],
  ['nothing', { change: () => '' }],
  ['text', { change: () => 'OK' }],
  ['a body that breaks off', 'cutAfter'],
])('a change that is answered with %s is done', (_what, fault) => {
  test.each(['update', 'archive', 'unarchive'] as const)('%s', async (action) => {
    fake.add('Email.Sent', URL_HERE, { status: action === 'unarchive' ? 'archived' : 'active', rate_limit: 5 });
    fake.fail(/PATCH|archive$/, fault);
    const { webhooks } = client();
    const changed = await (action === 'update'
      ? webhooks.update('wh-1', { rateLimit: { limit: 7, period: 'second' } })
      : webhooks[action]('wh-1'));
    expect(changed).toMatchObject({
      id: 'wh-1',
      event: 'Email.Sent',
      url: URL_HERE,
      status: action === 'archive' ? 'archived' : 'active',
      rateLimit: { limit: action === 'update' ? 7 : 5, period: 'second' },
    });
    expect(fake.calls.filter((call) => !call.startsWith('GET'))).toHaveLength(1);
  });

  test('even when it cannot be read again', async () => {
    fake.add('Email.Sent', URL_HERE);
    fake.fail(/archive$/, fault);
    fake.fail(/GET/, { status: 403 });
    expect(await client().webhooks.archive('wh-1')).toMatchObject({ id: 'wh-1', status: 'archived' });
  });

  test('as a step of a plan', async () => {
    fake.add('Email.Sent', URL_HERE);
    const rateLimit = { limit: 7, period: 'second' } as const;
    const plan = await planWebhooks({ api: client(), url: URL_HERE, events: ['Email.Sent'], rateLimit });
    fake.fail(/PATCH/, fault);
    expect((await applyPlan(plan)).webhooks).toEqual([expect.objectContaining({ id: 'wh-1', rateLimit })]);
  });
});

describe('a second factor', () => {
  test.each([200, 401] as const)('that is asked for with status %d is ERR_API_MFA', async (status) => {
    fake.tokens.asksForSecondFactor = status;
    const api = client({ username: 'user@example.com', password: 'hunter2-the-password' });
    const error = (await reasonOf(all(api.webhooks.list()))) as CakemailApiError;
    expect(error).toMatchObject({ code: 'ERR_API_MFA', operation: 'POST /token', apiStatus: status });
    expect(error.message).not.toContain('a challenge');
    expect(error.help).toContain('personal access token');
    expect(fake.calls).toEqual(['POST /token']);
  });

  test('is not asked for by a plain 401', async () => {
    const error = await reasonOf(all(client({ username: 'a@example.com', password: 'wrong' }).webhooks.list()));
    expect(error).toMatchObject({ code: 'ERR_API_REFUSED', apiStatus: 401 });
  });
});
