import * as z from 'zod';

/**
 * What Cakemail publishes, as schemas. They decide nothing: a verified event that deviates is delivered with a
 * `drift` notice, because the vendor's documents lag its API and a refused event would be lost.
 * They are only looked at, never used to build the event, so no unpublished member is dropped.
 */
const envelope = {
  // Cakemail's sources disagree on which of these are sent; all agree on what they are when they are.
  account_id: z.int().optional(),
  ip: z.string().optional(),
  user: z.object({}).optional(),
  created_on: z.number().optional(),
  timestamp: z.string().optional(),
};

// The guide's envelope holds `data` as an object; of what is in it, one event's is published.
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

/** One place where a value is not what was expected. A message of your own schema may quote the value. */
export interface Issue {
  /** Dotted: `data.email`. Empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** Where a verified event deviates from what Cakemail publishes; empty when it does not. */
export function findDrift(event: { readonly event: string }): readonly Issue[] {
  const result = (documented.get(event.event) ?? anyEvent).safeParse(event);
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
}
