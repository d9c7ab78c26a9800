import { UsageError } from './environment.js';
import type { Io } from './terminal/io.js';

/** A key, and the event that it is bound to, if it is. */
export interface GivenKey {
  readonly key: string;
  readonly event: string | null;
}

/** The keys of an option or of the environment. */
export function givenKeys({ env }: Io, secret: string | undefined): GivenKey[] {
  if (secret?.trim() === '') throw new UsageError('--secret is empty: is a variable not set?');
  const single = secret ?? env['CAKEMAIL_WEBHOOK_SECRET'];
  if (single) return [{ key: single, event: null }];
  const map = env['CAKEMAIL_WEBHOOK_SECRETS'];
  if (map) return boundKeys(map);
  throw new UsageError('Pass --secret, or set CAKEMAIL_WEBHOOK_SECRET or CAKEMAIL_WEBHOOK_SECRETS in the environment.');
}

function boundKeys(json: string): GivenKey[] {
  try {
    const keys = Object.entries(JSON.parse(json) as object).flatMap(([event, value]) =>
      [value].flat().map((key: unknown) => ({ event, key })),
    );
    if (keys.length > 0 && keys.every((each): each is { event: string; key: string } => typeof each.key === 'string'))
      return keys;
  } catch {
    // Said below: the text itself is full of keys.
  }
  throw new UsageError('CAKEMAIL_WEBHOOK_SECRETS is no map from event to keys in JSON.');
}
