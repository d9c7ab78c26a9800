import { type CakemailApiError, planWebhooks } from '../../src/api/index.js';
import { all, client, reasonOf, startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import type { FakeCakemail, Fault } from '../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const WANTED = { event: 'Email.Sent', url: URL_HERE, rateLimit: { limit: 5, period: 'minute' } } as const;
const create = (options: { known?: string[] } = {}) => client({ timeoutMs: 300 }).webhooks.create(WANTED, options);
const posts = (): number => fake.calls.filter((call) => call === 'POST /webhooks').length;
const ofId = (answer: unknown): string => (answer as { id: string }).id;

describe('a create that was answered 2xx is never repeated', () => {
  test.each<[string, Fault]>([
    ['an id alone', { change: (answer) => ({ id: ofId(answer) }) }],
    ['an id and empty data', { change: (answer) => ({ id: ofId(answer), data: {} }) }],
    ['an id and no object as data', { change: (answer) => ({ id: ofId(answer), data: 'soon' }) }],
    ['an id in data alone', { change: (answer) => ({ data: { id: ofId(answer) } }) }],
    ['a number as id', { change: (answer) => ({ id: Number(ofId(answer)) }) }],
    ['nothing', { change: () => '' }],
    ['text', { change: () => '<html>Created</html>' }],
    ['null', { change: () => null }],
    ['another object', { change: () => ({ hello: 'world' }) }],
    ['an empty id', { change: () => ({ id: '', data: {} }) }],
    ['more than anyone reads', { change: () => 'x'.repeat(11 * 1024 * 1024) }],
    ['a body that breaks off', 'cutAfter'],
  ])('59. a create is not repeated when it is answered 2xx with %s', async (_what, fault) => {
    fake.prefix = '';
    fake.lag = 2;
    fake.fail(/POST \/webhooks$/, fault);
    const webhook = await client({ timeoutMs: 5_000 }).webhooks.create(WANTED);
    expect(webhook).toMatchObject({ id: '1', ...WANTED, status: 'active' });
    expect([posts(), fake.webhooks.size]).toEqual([1, 1]);
  });

  test('and a complete answer costs no further call', async () => {
    await create();
    expect(fake.calls).toEqual(['POST /webhooks']);
  });

  test('even when what was created cannot be read either', async () => {
    fake.fail(/POST \/webhooks$/, { change: (answer) => ({ id: ofId(answer) }) });
    fake.showLag = 99;
    expect(await create()).toEqual({ id: 'wh-1', ...WANTED, status: 'active', archivedAt: null });
    expect([posts(), fake.webhooks.size]).toEqual([1, 1]);
  });

  test('and the newest of several that fit is taken for it, never a known one', async () => {
    fake.prefix = '';
    for (let index = 0; index < 9; index++) fake.add('Email.Sent', URL_HERE);
    fake.add('Email.Opened', URL_HERE);
    fake.fail(/POST \/webhooks$/, { change: () => '' });
    expect((await create()).id).toBe('11');
    fake.lag = 99;
    fake.fail(/POST \/webhooks$/, { change: () => '' });
    await reasonOf(create({ known: [...fake.webhooks.keys()] }));
  });

  test('and an error names the event when nothing tells which one it is', async () => {
    fake.lag = 99;
    fake.fail(/POST \/webhooks$/, { change: () => '' });
    const error = (await reasonOf(create())) as CakemailApiError;
    expect(error).toMatchObject({ code: 'ERR_API_RESPONSE', apiStatus: 201, event: 'Email.Sent' });
    expect(error.message).toBe(
      'Email.Sent: POST /webhooks: answered 201, so the webhook was created, but neither the answer nor the list shows its id; check with `list` before you create it again',
    );
    expect([posts(), fake.webhooks.size]).toEqual([1, 1]);
  });
});

test('the next plan does not create a webhook again that a listing does not show yet', async () => {
  fake.lag = 99;
  const api = client();
  const created = await api.webhooks.create(WANTED);
  const plan = await planWebhooks({ api, url: URL_HERE, events: ['Email.Sent'] });
  expect(plan.steps).toEqual([{ action: 'keep', event: 'Email.Sent', webhook: created }]);
  expect(await all(api.webhooks.list())).toEqual([]);
});
