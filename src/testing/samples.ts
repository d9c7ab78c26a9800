import type { CakemailEvent, EventName, UserLoggedInData } from '../events/event-types.js';

/** The one payload that Cakemail publishes, member for member. Source: Cakemail's guide "Using webhooks". */
const USER_LOGGED_IN = {
  event: 'User.LoggedIn',
  account_id: 1234567,
  ip: '203.0.113.7',
  user: { id: null, email: null, account_id: null },
  created_on: 1627069315,
  data: { email: 'johndoe1@example.com', grant_type: 'password', scopes: 'user' } satisfies UserLoggedInData,
} as const;

/** The data of samples whose data Cakemail has not published. */
const INVENTED = { _invented: 'Cakemail has not published the data of this event; put your own here.' } as const;

/** What to put in place of a sample's own members. */
export type SampleOverrides<N extends EventName> = Partial<Omit<CakemailEvent<N>, 'event'>> & Record<string, unknown>;

/**
 * A sample event. `User.LoggedIn` is the vendor's own sample; for every other name the envelope is the published one and
 * `data` is marked as invented, because Cakemail has published nothing about it. Each call gives a new object.
 */
export function sampleEvent<N extends EventName>(
  name: N,
  overrides: SampleOverrides<N> | undefined = undefined,
): CakemailEvent<N> {
  const data = name === USER_LOGGED_IN.event ? USER_LOGGED_IN.data : INVENTED;
  const sample = structuredClone({ ...USER_LOGGED_IN, event: name, data, ...overrides });
  return sample as unknown as CakemailEvent<N>;
}
