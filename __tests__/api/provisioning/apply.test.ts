import { applyPlan, type DesiredState, planWebhooks, type Step } from '../../../src/api/index.js';
import { client, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
  fake.prefix = '';
});
afterEach(stopFake);

const desired = (events: readonly string[], more: Partial<DesiredState> = {}): DesiredState => ({
  api: client(),
  url: URL_HERE,
  events,
  ...more,
});
const shown = (steps: readonly Step[]): string[] =>
  steps.map((step) => `${step.action} ${step.event}${'webhook' in step ? ` ${step.webhook.id}` : ''}`);
const ids = (webhooks: readonly { readonly id: string }[]): string[] => webhooks.map(({ id }) => id);
const EVENTS = ['Email.Sent', 'Email.Opened', 'User.LoggedIn'];
const posts = (): number => fake.calls.filter((call) => call === 'POST /webhooks').length;

/** Holds back the first listing of each run until all have listed, so that every run creates. */
function together(count: number): void {
  let waiting: (() => void)[] = [];
  fake.meanwhile = async (operation) => {
    if (operation !== 'GET /webhooks' || count === 0) return;
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length < count) return;
      for (const open of waiting) open();
      waiting = [];
      count = 0;
    });
  };
}

describe('processes that apply at the same time', () => {
  test.each([0, 3])(
    '60. processes that apply at the same time end with one webhook for each event, the one with the smallest id (listing late by %d)',
    async (lag) => {
      fake.lag = lag;
      const plans = await Promise.all([1, 2, 3].map(() => planWebhooks(desired(EVENTS))));
      together(3);
      const applied = await Promise.all(plans.map((plan) => applyPlan(plan)));
      expect(posts()).toBe(9);
      expect(fake.active(URL_HERE).sort()).toEqual([...EVENTS].sort());
      for (const event of EVENTS) {
        const all = [...fake.webhooks.values()].filter((each) => each.event === event);
        expect(all.map(({ status }) => status)).toEqual(['active', 'archived', 'archived']);
        for (const { webhooks } of applied)
          expect(webhooks.filter((each) => each.event === event)).toEqual([
            expect.objectContaining({ id: all[0]?.id }),
          ]);
      }
      const archived = applied.flatMap(({ steps }) => steps.filter(({ action }) => action === 'archive'));
      expect(archived).toHaveLength(6);
      expect(applied.flatMap(({ duplicates }) => duplicates)).toEqual([]);
    },
  );

  test('report a duplicate that another process created, and do not change it', async () => {
    const plan = await planWebhooks(desired(['Email.Sent']));
    fake.meanwhile = async (operation) => {
      if (operation === 'POST /webhooks') fake.add('Email.Sent', URL_HERE);
    };
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { duplicates, webhooks, steps } = await applyPlan(plan);
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('2 (Email.Sent)'),
      expect.objectContaining({ code: 'WARN_DUPLICATES' }),
    );
    warn.mockRestore();
    expect(shown(steps)).toEqual(['create Email.Sent']);
    expect([ids(webhooks), ids(duplicates)]).toEqual([['1'], ['2']]);
    expect(fake.active(URL_HERE)).toHaveLength(2);
  });

  test('keep a webhook even when another process archives the one to keep', async () => {
    const plan = await planWebhooks(desired(['Email.Sent']));
    let other: ReturnType<FakeCakemail['add']> | undefined;
    fake.meanwhile = async (operation) => {
      // Once the look before the create is answered.
      if (operation === 'GET /webhooks') other ??= fake.add('Email.Sent', URL_HERE);
      if (operation === 'POST /webhooks/2/archive' && other) other.status = 'archived';
    };
    const { webhooks } = await applyPlan(plan);
    expect(ids(webhooks)).toEqual(['2']);
    expect(fake.active(URL_HERE)).toEqual(['Email.Sent']);
  });
});

test('keeps a webhook that cannot be read', async () => {
  const plan = await planWebhooks(desired(['Email.Sent']));
  fake.meanwhile = async (operation) => {
    if (operation === 'GET /webhooks' && fake.webhooks.size === 0) fake.add('Email.Sent', URL_HERE);
  };
  fake.fail(/GET \/webhooks\/1$/, { status: 404 });
  const { webhooks, duplicates } = await applyPlan(plan);
  expect([ids(webhooks), duplicates, fake.active(URL_HERE)]).toEqual([['1'], [], ['Email.Sent']]);
});

describe('two plans that were made before either is applied', () => {
  test('create each webhook once', async () => {
    const [one, two] = await Promise.all([planWebhooks(desired(EVENTS)), planWebhooks(desired(EVENTS))]);
    await applyPlan(one);
    const { steps, webhooks } = await applyPlan(two);
    expect(steps).toEqual([]);
    expect(webhooks).toHaveLength(3);
    expect(posts()).toBe(3);
  });

  test('do not bring back an archived webhook for an event that has another one by now', async () => {
    fake.add('Email.Sent', URL_HERE, { status: 'archived', archived_at: 1 });
    const plan = await planWebhooks(desired(['Email.Sent'], { rateLimit: { limit: 1, period: 'second' } }));
    const { id } = fake.add('Email.Sent', URL_HERE);
    const { steps, webhooks } = await applyPlan(plan);
    expect(steps.map(({ action }) => action)).toEqual(['update']);
    expect(ids(webhooks)).toEqual([id]);
    expect([fake.active(URL_HERE), fake.webhooks.get(id)]).toEqual([
      ['Email.Sent'],
      expect.objectContaining({ rate_limit: 1 }),
    ]);
  });

  test('also with one client whose listing is late', async () => {
    fake.lag = 99;
    const api = client();
    const [one, two] = [await planWebhooks(desired(EVENTS, { api })), await planWebhooks(desired(EVENTS, { api }))];
    await applyPlan(one);
    expect((await applyPlan(two)).steps).toEqual([]);
    expect(posts()).toBe(3);
  });
});

describe('duplicates that are there already', () => {
  test('are archived with `pruneDuplicates`, and the newest is kept', async () => {
    for (let index = 0; index < 10; index++) fake.add('Email.Sent', URL_HERE);
    fake.add('Email.Opened', URL_HERE);
    fake.add('User.LoggedIn', 'https://elsewhere.example.com/');
    fake.add('User.LoggedIn', 'https://elsewhere.example.com/');
    const plan = await planWebhooks(desired(EVENTS.slice(0, 2), { pruneDuplicates: true }));
    const old = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
    expect(shown(plan.steps)).toEqual([
      'keep Email.Sent 10',
      'keep Email.Opened 11',
      ...old.map((id) => `archive Email.Sent ${id}`),
    ]);
    expect(ids(plan.duplicates)).toEqual(old);
    const { webhooks, duplicates } = await applyPlan(plan);
    expect([ids(webhooks), duplicates]).toEqual([['10', '11'], []]);
    expect(fake.active(URL_HERE)).toEqual(['Email.Sent', 'Email.Opened']);
  });

  test.each(['x', '9', '1'])(
    'are left alone although it is asked for when their ids do not tell which one is newer (second id: %s2)',
    async (prefix) => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      fake.prefix = 'y';
      fake.add('Email.Sent', URL_HERE);
      fake.prefix = prefix;
      fake.add('Email.Sent', URL_HERE);
      const plan = await planWebhooks(desired(['Email.Sent'], { pruneDuplicates: true }));
      expect([plan.steps.map(({ action }) => action), plan.duplicates.length]).toEqual([['keep'], 1]);
      expect((await applyPlan(plan)).duplicates).toHaveLength(1);
      expect(fake.active(URL_HERE)).toHaveLength(2);
      warn.mockRestore();
    },
  );

  test('are archived without undoing a change of the rate limit in the result', async () => {
    for (const _ of [1, 2]) fake.add('Email.Sent', URL_HERE, { rate_limit: 5 });
    const rateLimit = { limit: 600, period: 'minute' } as const;
    const plan = await planWebhooks(desired(['Email.Sent'], { pruneDuplicates: true, rateLimit }));
    const { webhooks, steps } = await applyPlan(plan);
    expect(shown(steps)).toEqual(['update Email.Sent 2', 'archive Email.Sent 1']);
    expect(webhooks).toEqual([expect.objectContaining({ id: '2', rateLimit })]);
  });

  test('are archived for other events too, which are not part of the result', async () => {
    for (const _ of [1, 2]) fake.add('Email.Sent', URL_HERE);
    fake.add('User.LoggedIn', URL_HERE);
    const plan = await planWebhooks(desired(['User.LoggedIn'], { pruneDuplicates: true }));
    const { webhooks, steps } = await applyPlan(plan);
    expect([shown(steps), ids(webhooks)]).toEqual([['archive Email.Sent 1'], ['3']]);
  });

  test('are otherwise reported and not changed, even with `prune`', async () => {
    for (const _ of [1, 2]) fake.add('Email.Sent', URL_HERE);
    const plan = await planWebhooks(desired(['Email.Sent'], { prune: true }));
    expect([shown(plan.steps), ids(plan.duplicates)]).toEqual([['keep Email.Sent 2'], ['1']]);
    expect(ids((await applyPlan(plan)).duplicates)).toEqual(['1']);
  });

  test('are reported for other events too', async () => {
    for (const _ of [1, 2]) fake.add('Email.Sent', URL_HERE);
    expect(ids((await planWebhooks(desired(['User.LoggedIn']))).duplicates)).toEqual(['1']);
  });
});

describe('`applyPlan(plan, { signal })`', () => {
  test('ends the running call', async () => {
    const plan = await planWebhooks(desired(EVENTS));
    const stop = new AbortController();
    fake.fail(/POST/, 'hang');
    fake.meanwhile = async () => stop.abort(new Error('enough'));
    await expect(applyPlan(plan, { signal: stop.signal })).rejects.toThrow('enough');
    expect(posts()).toBe(0);
    const early = AbortSignal.abort(new Error('before'));
    const calls = fake.calls.length;
    await expect(applyPlan(plan, { signal: early })).rejects.toThrow('before');
    expect(fake.calls).toHaveLength(calls);
  });

  test('and the signal of the plan still does', async () => {
    const stop = new AbortController();
    const plan = await planWebhooks(desired(EVENTS, { signal: stop.signal }));
    stop.abort(new Error('enough'));
    const options = { signal: new AbortController().signal };
    await expect(applyPlan(plan, options)).rejects.toThrow('enough');
  });
});
