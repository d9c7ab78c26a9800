import { applyPlan, type CakemailApiError, type DesiredState, planWebhooks } from '../../../src/api/index.js';
import { client, reasonOf, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
  fake.prefix = '';
});
afterEach(stopFake);

const EVENTS = ['Email.Sent', 'Email.Opened', 'User.LoggedIn'];
const desired = (more: Partial<DesiredState> = {}): DesiredState => ({
  api: client(),
  url: URL_HERE,
  events: EVENTS,
  ...more,
});
const posts = (): number => fake.calls.filter((call) => call === 'POST /webhooks').length;

describe('an error names its event', () => {
  const refused = (status: number) => ({ status });
  const post = /POST \/webhooks$/;

  test('and the other events are still tried after a refusal that concerns one of them', async () => {
    const plan = await planWebhooks(desired());
    fake.fail(post, refused(422));
    const done: string[] = [];
    const error = (await reasonOf(applyPlan(plan, { onStep: ({ event }) => done.push(event) }))) as CakemailApiError;
    expect(error).toMatchObject({ code: 'ERR_API_REFUSED', apiStatus: 422, event: 'Email.Sent' });
    expect(error.message).toBe('Email.Sent: POST /webhooks: answered 422; not now');
    expect(done).toEqual(['Email.Opened', 'User.LoggedIn']);
    expect(fake.active(URL_HERE)).toEqual(done);
  });

  test('and several failures make one error', async () => {
    const plan = await planWebhooks(desired());
    fake.fail(post, refused(422), refused(400));
    const error = (await reasonOf(applyPlan(plan))) as CakemailApiError;
    expect(error.message).toBe(
      'Email.Sent: POST /webhooks: answered 422; not now; and 1 more: Email.Opened: POST /webhooks: answered 400; not now',
    );
    expect((error.cause as AggregateError).errors).toHaveLength(2);
    expect(fake.active(URL_HERE)).toEqual(['User.LoggedIn']);
  });

  test.each([
    ['a token that is over', [refused(401)]],
    ['a right that is missing', [refused(403)]],
    ['a create whose result is not known', ['dropAfter' as const]],
    ['an API that is away', Array.from({ length: 5 }, () => refused(503))],
    ['a create that nothing shows', [{ change: () => '' }]],
  ])('and no further one is tried after %s', async (_what, faults) => {
    const plan = await planWebhooks(desired());
    fake.lag = 99;
    fake.fail(post, ...faults);
    if (faults[0] === 'dropAfter') {
      // The look before the creates is answered, those that come after it are not.
      const { answer } = { answer: { pagination: {}, data: [] } };
      fake.fail(/GET/, () => ({ status: 200, answer }), ...Array.from({ length: 5 }, () => 'drop' as const));
    }
    const error = (await reasonOf(applyPlan(plan))) as CakemailApiError;
    expect(error.event).toBe('Email.Sent');
    expect(error.message).toMatch(/^Email\.Sent: POST \/webhooks: /);
    expect(fake.webhooks.size).toBeLessThan(2);
  });

  test('and a failure that ends it does not hide the earlier ones', async () => {
    const plan = await planWebhooks(desired());
    fake.fail(post, refused(422), ...Array.from({ length: 5 }, () => refused(503)));
    const error = (await reasonOf(applyPlan(plan))) as CakemailApiError;
    expect(error.message).toMatch(/^Email\.Sent: .* answered 422; .*Email\.Opened: .* answered 503/);
    const { errors } = error.cause as AggregateError;
    expect(errors).toEqual([
      expect.objectContaining({ event: 'Email.Sent', apiStatus: 422 }),
      expect.objectContaining({ event: 'Email.Opened', apiStatus: 503 }),
    ]);
    expect(posts()).toBe(6);
  });

  test('and what was created before it is still compared with what other processes created', async () => {
    const plan = await planWebhooks(desired());
    let hasListed = false;
    fake.meanwhile = async (operation) => {
      // Once the look before the creates is answered.
      if (operation === 'GET /webhooks' && !hasListed) fake.add('Email.Sent', URL_HERE);
      hasListed = true;
    };
    fake.fail(post, { change: (answer) => answer }, refused(403));
    const error = (await reasonOf(applyPlan(plan))) as CakemailApiError;
    expect(error).toMatchObject({ apiStatus: 403, event: 'Email.Opened' });
    expect(error.message).not.toContain('compared');
    expect([fake.webhooks.get('1')?.status, fake.webhooks.get('2')?.status]).toEqual(['active', 'archived']);
  });

  test('and names what was created when it cannot be compared', async () => {
    const plan = await planWebhooks(desired());
    fake.fail(post, { change: (answer) => answer }, refused(401));
    fake.meanwhile = async (operation) => {
      if (operation === 'POST /webhooks') fake.tokens.expire();
    };
    const error = (await reasonOf(applyPlan(plan))) as CakemailApiError;
    expect(error).toMatchObject({ apiStatus: 401, event: 'Email.Opened' });
    expect(error.message).toContain(
      'created, but not compared with what other processes may have created: 1 (Email.Sent)',
    );
    expect((error.cause as AggregateError).errors).toHaveLength(2);
  });

  test('for an update too', async () => {
    fake.add('Email.Sent', URL_HERE);
    const plan = await planWebhooks(desired({ rateLimit: { limit: 1, period: 'second' } }));
    fake.fail(/PATCH/, refused(400));
    await expect(applyPlan(plan)).rejects.toThrow('Email.Sent: PATCH /webhooks/1: answered 400; not now');
    expect(fake.webhooks.size).toBe(3);
  });
});
