import { extractKeyJson } from './key-file.js';
import { readInputFile } from './read-input.js';
import type { Io } from './terminal/io.js';
import { UsageError } from './usage-error.js';

/** The options of a command that signs or verifies. */
export interface KeyOptions {
  readonly secret?: string;
  /** A file with the keys of each event. */
  readonly keys?: string;
}

/** A key from the options or the environment, with the event that it is bound to, or null. */
export interface SuppliedKey {
  readonly key: string;
  readonly event: string | null;
}

/** Reads the keys from the options, or else from the environment. */
export async function readKeys({ env }: Io, { secret, keys }: KeyOptions): Promise<SuppliedKey[]> {
  if (secret?.trim() === '') throw new UsageError('--secret is empty. A shell variable may be unset.');
  if (keys !== undefined)
    return parseKeys('--keys: the file', extractKeyJson((await readInputFile('--keys', keys)).toString()));
  const single = secret ?? env['CAKEMAIL_WEBHOOK_SECRET'];
  if (single) return [{ key: single, event: null }];
  const map = env['CAKEMAIL_WEBHOOK_SECRETS'];
  if (map) return parseKeys('CAKEMAIL_WEBHOOK_SECRETS', map);
  throw new UsageError(
    'Pass --secret or --keys, or set CAKEMAIL_WEBHOOK_SECRET or CAKEMAIL_WEBHOOK_SECRETS in the environment.',
  );
}

function parseKeys(source: string, json: string): SuppliedKey[] {
  try {
    const keys = Object.entries(JSON.parse(json) as object).flatMap(([event, value]) =>
      [value].flat().map((key: unknown) => ({ event, key })),
    );
    if (keys.length > 0 && keys.every((each): each is { event: string; key: string } => typeof each.key === 'string'))
      return keys;
  } catch {
    // The parser's message would quote the text, which holds keys.
  }
  throw new UsageError(`${source} does not hold a JSON object that maps events to keys.`);
}

/** Shows the name of an event, but hides any other text, because a map turned inside out has keys in place of names. */
export function displayEventName(name: string): string {
  return isEventName(name) ? `"${name}"` : '…';
}

/** True for a text in the form of an event name or pattern. */
export function isEventName(name: unknown): name is string {
  return typeof name === 'string' && /^\w{1,40}\.[\w*]{1,40}$/.test(name);
}
