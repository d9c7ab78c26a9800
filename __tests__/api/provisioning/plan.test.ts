import { applyPlan, type DesiredState, planWebhooks, rotateWebhook, type Step } from '../../../src/api/index.js';
import { createWebhookRouter, EVENT_NAMES } from '../../../src/index.js';
import { client, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import { type FakeCakemail, USER } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const desired = (events: readonly string[], more: Partial<DesiredState> = {}): DesiredState => ({
  api: client(),
  url: URL_HERE,
  events,
  ...more,
});
const shown = (steps: readonly Step[]): string[] => steps.map(({ action, event }) => `${action} ${event}`);

test('creates a webhook per handled event, and then finds nothing to do', async () => {
  const webhooks = createWebhookRouter({ secret: 'key' });
  webhooks.on('User.LoggedIn', () => {});
  webhooks.on('MFA.*', () => {});
  webhooks.onAny(() => {});
  const plan = await planWebhooks(desired(webhooks.subscribedEvents()));
  expect(plan.steps).toHaveLength(7);
  expect(plan.isEmpty).toBe(false);
  expect(fake.webhooks.size).toBe(0);
  const { steps, webhooks: made } = await applyPlan(plan);
  expect([steps.length, made.length, fake.active(URL_HERE).sort()]).toEqual([7, 7, webhooks.subscribedEvents().sort()]);
  const again = await planWebhooks(desired(webhooks.subscribedEvents()));
  expect([again.isEmpty, new Set(again.steps.map(({ action }) => action))]).toEqual([true, new Set(['keep'])]);
  expect((await applyPlan(again)).steps).toEqual([]);
});

test('keeps, updates, unarchives, creates, and archives only with `prune`', async () => {
  fake.add('Email.Sent', URL_HERE, { rate_limit: 5 });
  fake.add('Email.Opened', 'HTTPS://app.example.com:443/webhooks/cakemail');
  const old = fake.add('Email.Clicked', URL_HERE, { status: 'archived', archived_at: 1_700_000_000 });
  const latest = fake.add('Email.Clicked', URL_HERE, { status: 'archived', archived_at: 1_800_000_000 });
  fake.add('User.Created', URL_HERE);
  fake.add('Email.Bounced', 'https://elsewhere.example.com/');
  const events = ['Email.Sent', 'Email.Opened', 'Email.Clicked', 'Email.Bounced'];
  const rateLimit = { limit: 50, period: 'second' } as const;

  const careful = await planWebhooks(desired(events, { rateLimit }));
  expect(shown(careful.steps)).toEqual([
    'update Email.Sent',
    'keep Email.Opened',
    'unarchive Email.Clicked',
    'create Email.Bounced',
  ]);
  const pruning = await planWebhooks(desired(events, { rateLimit, prune: true }));
  expect(shown(pruning.steps)).toEqual([...shown(careful.steps), 'archive User.Created']);

  const seen: string[] = [];
  const { webhooks } = await applyPlan(pruning, { onStep: ({ action }, { event }) => seen.push(`${action} ${event}`) });
  expect(seen).toEqual(shown(pruning.steps));
  expect(webhooks.map(({ event, status }) => `${event} ${status}`)).toEqual(events.map((event) => `${event} active`));
  expect([old.status, latest.status]).toEqual(['archived', 'active']);
  expect(fake.webhooks.get('wh-1')).toMatchObject({ rate_limit: 50 });
  expect((await planWebhooks(desired(events, { rateLimit, prune: true }))).isEmpty).toBe(true);
});

test('recognises an interrupted rotation, and keeps the newer webhook', async () => {
  fake.prefix = '';
  for (let index = 0; index < 8; index++) fake.add('Email.Opened', `${URL_HERE}/${index}`);
  const old = fake.add('Email.Sent', URL_HERE);
  const stop = new AbortController();
  const options = { api: client(), id: old.id, signal: stop.signal, onStage: () => stop.abort() };
  await expect(rotateWebhook(options)).rejects.toThrow('abort');
  const plan = await planWebhooks(desired(['Email.Sent']));
  expect(plan.steps).toEqual([
    expect.objectContaining({ action: 'keep', webhook: expect.objectContaining({ id: '10' }) }),
  ]);
  expect(plan.duplicates.map(({ id }) => id)).toEqual(['9']);
});

test('mentions webhooks whose URL differs by a trailing slash alone', async () => {
  fake.add('Email.Sent', `${URL_HERE}/`);
  fake.add('Email.Sent', `${URL_HERE}//`);
  fake.add('Email.Sent', `${URL_HERE}/`, { status: 'archived' });
  fake.add('Email.Sent', `${URL_HERE}?a=/`);
  const plan = await planWebhooks(desired(['Email.Sent']));
  expect(shown(plan.steps)).toEqual(['create Email.Sent']);
  expect(plan.similar.map(({ id }) => id)).toEqual(['wh-1']);
  const slashed = await planWebhooks(desired(['Email.Sent'], { url: `${URL_HERE}/` }));
  expect([shown(slashed.steps), slashed.similar]).toEqual([['keep Email.Sent'], []]);
});

test('returns the rate limit after an update', async () => {
  fake.add('Email.Sent', URL_HERE, { rate_limit: 5 });
  const rateLimit = { limit: 600, period: 'minute' } as const;
  const { steps } = await planWebhooks(desired(['Email.Sent'], { rateLimit }));
  expect(steps).toEqual([
    {
      action: 'update',
      event: 'Email.Sent',
      webhook: expect.objectContaining({ rateLimit: { limit: 5, period: 'second' } }),
      rateLimit,
    },
  ]);
});

test('a plan that was applied before creates nothing twice', async () => {
  const plan = await planWebhooks(desired(['Email.Sent']));
  await applyPlan(plan);
  expect((await applyPlan(plan)).steps).toEqual([]);
  expect(fake.webhooks.size).toBe(1);
});

test('60 webhooks on several pages need one listing', async () => {
  for (let index = 0; index < 60; index++) fake.add('Email.Sent', `${URL_HERE}/${index}`);
  await planWebhooks(desired(['Email.Sent']));
  expect(fake.calls).toEqual(['GET /webhooks', 'GET /webhooks']);
});

describe('whatever goes wrong on the way, the end is right and no webhook is there twice', () => {
  const events = [...EVENT_NAMES];
  const reconcile = async (api = client({ timeoutMs: 200 })): Promise<void> => {
    await applyPlan(await planWebhooks({ api, url: URL_HERE, events }));
  };
  const isRight = (): void => expect(fake.active(URL_HERE).sort()).toEqual([...events].sort());

  test.each([
    ['busy', [{ status: 429, retryAfter: '0' }, { status: 429 }]],
    ['broken', [{ status: 500 }, { status: 502 }]],
    ['silent', ['hang']],
    ['gone before the answer', ['dropAfter', 'dropAfter', 'dropAfter']],
    ['gone before the work', ['drop', 'drop']],
  ] as const)('an API that is %s', async (_name, faults) => {
    fake.fail(/POST \/webhooks$/, ...faults);
    fake.fail(/GET/, ...faults);
    await reconcile();
    isRight();
  });

  test('an API that answers a page twice', async () => {
    for (let index = 0; index < 55; index++) fake.add('Email.Sent', `${URL_HERE}/${index}`);
    await reconcile();
    fake.fail(/page=2/, 'repeatPage');
    expect((await planWebhooks(desired(events))).isEmpty).toBe(true);
    isRight();
  });

  test('a token that is over in the middle', async () => {
    const api = client(USER);
    const plan = await planWebhooks({ api, url: URL_HERE, events });
    let step = 0;
    await applyPlan(plan, { onStep: () => ++step % 10 === 0 && fake.tokens.expire() });
    isRight();
  });

  test('an interruption after any step', async () => {
    for (let step = 1; step < 8; step++) {
      const stop = new AbortController();
      const plan = await planWebhooks({ api: client(), url: URL_HERE, events, signal: stop.signal });
      let done = 0;
      const applied = applyPlan(plan, {
        onStep: ({ action }) => action === 'create' && ++done === step && stop.abort(),
      });
      await expect(applied).rejects.toThrow('abort');
    }
    await reconcile();
    isRight();
  });

  test('an API that is away for good half way', async () => {
    fake.fail(/POST \/webhooks$/, 'drop', 'drop', 'drop', 'drop', 'drop');
    await expect(reconcile()).rejects.toThrow('POST /webhooks');
    await reconcile();
    isRight();
  });
});

test.each<[Partial<Record<keyof DesiredState | 'evnts', unknown>>, string]>([
  [{ url: 'app.example.com' }, '`url`'],
  [{ url: `https://app.example.com/${'x'.repeat(2083)}` }, '`url`'],
  [{ events: 'Email.Sent' }, '`events`'],
  [{ events: [''] }, '`events`'],
  [{ events: [] }, '`events` is empty'],
  [{ events: [], prune: true }, '`events` is empty'],
  [{ events: ['Email.Snt'] }, "Did you mean 'Email.Sent'?"],
  [{ events: ['Email.Send'] }, "Did you mean 'Email.Sent'?"],
  [{ events: ['email.sent'] }, "Did you mean 'Email.Sent'?"],
  [{ events: ['Emails.*'] }, "Did you mean 'Email.*'?"],
  [{ rateLimit: { limit: 0, period: 'second' } }, '`rateLimit.limit`'],
  [{ rateLimit: { limit: 1, period: 'hour' } }, '`rateLimit.period`'],
  [{ evnts: [] }, 'Did you mean `events`?'],
])('refuses %j', async (wrong, said) => {
  await expect(planWebhooks(desired(['Email.Sent'], wrong as Partial<DesiredState>))).rejects.toThrow(said);
  expect(fake.calls).toEqual([]);
});

describe('a webhook with a status that is not known', () => {
  const odd = { id: 'odd', event: 'Email.Sent', url: URL_HERE, status: 'paused', rate_limit: null };
  const other = { id: 'other', event: 'User.LoggedIn', url: URL_HERE, rate_limit: 5, rate_limit_period: 'hour' };
  const listed = () => ({ status: 200, answer: { pagination: { per_page: 50 }, data: [odd, other] } });

  test('is not changed, gets no second webhook for its event, and a warning names it', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    fake.fail(/GET/, listed);
    const plan = await planWebhooks(desired(['Email.Sent', 'User.LoggedIn', 'Email.Opened']));
    expect(shown(plan.steps)).toEqual(['keep User.LoggedIn', 'create Email.Opened']);
    expect(plan.unknownStatus).toEqual([expect.objectContaining({ id: 'odd', status: 'paused', rateLimit: null })]);
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('odd (Email.Sent)'),
      expect.objectContaining({ code: 'WARN_STATUS' }),
    );
    warn.mockRestore();
  });

  test('is reported without the control characters of the response', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const data = [{ ...odd, id: 'odd\u001b[2J\u009b\nforged' }];
    fake.fail(/GET/, () => ({ status: 200, answer: { pagination: { per_page: 50 }, data } }));
    await planWebhooks(desired(['Email.Sent']));
    expect(warn.mock.calls.map(([message]) => message)).toEqual([expect.stringContaining('odd?[2J??forged')]);
    warn.mockRestore();
  });

  test('is not archived by `prune` either', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    fake.fail(/GET/, listed);
    const plan = await planWebhooks(desired(['User.LoggedIn'], { prune: true }));
    expect(shown(plan.steps)).toEqual(['keep User.LoggedIn']);
    warn.mockRestore();
  });
});

test.each(['Invoice.Paid', 'Contact.Unsubscribed', 'Email.Resent2'])(
  'takes %s, which is not published and not a slip, and warns of it',
  async (name) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    expect(shown((await planWebhooks(desired([name, 'Email.Sent']))).steps)).toEqual([
      `create ${name}`,
      'create Email.Sent',
    ]);
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining(`'${name}'`), expect.objectContaining({ code: 'WARN_EVENT_NAME' })],
    ]);
    warn.mockRestore();
  },
);
