import type { CakemailEvent, EventName, UserLoggedInData } from '../events/event-types.js';

/** The only payload that Cakemail publishes, unchanged. Source: Cakemail's guide "Using webhooks". */
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

/** Members that replace those of the sample. */
export type SampleOverrides<N extends EventName> = Partial<Omit<CakemailEvent<N>, 'event'>> & Record<string, unknown>;

/**
 * Returns a new sample event. `User.LoggedIn` is Cakemail's own sample. Every other name has the same envelope, and `data`
 * that is marked as invented, because Cakemail has not published it.
 */
export function sampleEvent<N extends EventName>(
  name: N,
  overrides: SampleOverrides<N> | undefined = undefined,
): CakemailEvent<N> {
  const data = name === USER_LOGGED_IN.event ? USER_LOGGED_IN.data : INVENTED;
  const sample = structuredClone({ ...USER_LOGGED_IN, event: name, data, ...overrides });
  return sample as unknown as CakemailEvent<N>;
}
