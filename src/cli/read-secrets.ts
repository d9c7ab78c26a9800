import { UsageError } from './environment.js';
import { jsonIn } from './key-file.js';
import { fileOf } from './read-input.js';
import type { Io } from './terminal/io.js';

/** The options of a command that signs or verifies. */
export interface KeyOptions {
  readonly secret?: string;
  /** A file with the keys of each event. */
  readonly keys?: string;
}

/** A key, and the event that it is bound to, if it is. */
export interface GivenKey {
  readonly key: string;
  readonly event: string | null;
}

/** The keys of the options or of the environment. */
export async function givenKeys({ env }: Io, { secret, keys }: KeyOptions): Promise<GivenKey[]> {
  if (secret?.trim() === '') throw new UsageError('--secret is empty: is a variable not set?');
  if (keys !== undefined) return boundKeys('--keys: the file', jsonIn((await fileOf('--keys', keys)).toString()));
  const single = secret ?? env['CAKEMAIL_WEBHOOK_SECRET'];
  if (single) return [{ key: single, event: null }];
  const map = env['CAKEMAIL_WEBHOOK_SECRETS'];
  if (map) return boundKeys('CAKEMAIL_WEBHOOK_SECRETS', map);
  throw new UsageError(
    'Pass --secret or --keys, or set CAKEMAIL_WEBHOOK_SECRET or CAKEMAIL_WEBHOOK_SECRETS in the environment.',
  );
}

function boundKeys(source: string, json: string): GivenKey[] {
  try {
    const keys = Object.entries(JSON.parse(json) as object).flatMap(([event, value]) =>
      [value].flat().map((key: unknown) => ({ event, key })),
    );
    if (keys.length > 0 && keys.every((each): each is { event: string; key: string } => typeof each.key === 'string'))
      return keys;
  } catch {
    // The message of the parser would quote the text, which is full of keys.
  }
  throw new UsageError(`${source} does not hold a JSON object that maps events to keys.`);
}
