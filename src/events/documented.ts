import * as z from 'zod';

/**
 * The members around `data`, as Cakemail publishes them. An event that deviates is delivered with a `drift` notice, because
 * Cakemail's documents lag its API and a rejected event would be lost.
 */
const envelope = {
  // Cakemail's sources disagree on which of these members are sent, but agree on their types.
  account_id: z.int().optional(),
  ip: z.string().optional(),
  user: z.object({}).optional(),
  created_on: z.number().optional(),
  timestamp: z.string().optional(),
};

// The guide shows `data` as an object. Its members are published for one event only.
const anyEvent = z.object({ ...envelope, data: z.object({}) });

const documented: ReadonlyMap<string, z.ZodType> = new Map([
  [
    'User.LoggedIn',
    z.object({
      ...envelope,
      data: z.object({ email: z.string(), grant_type: z.string(), scopes: z.string() }),
    }),
  ],
]);

/** One deviation from a schema. The message of your own schema may quote the value. */
export interface Issue {
  /** Dotted, such as `data.email`. Empty for the whole event. */
  readonly path: string;
  readonly message: string;
}

/** Lists the deviations of a verified event from what Cakemail publishes. It never changes the event. */
export function findDrift(event: { readonly event: string }): readonly Issue[] {
  const result = (documented.get(event.event) ?? anyEvent).safeParse(event);
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
}
