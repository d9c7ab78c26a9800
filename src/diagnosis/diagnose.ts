import { createHmac, timingSafeEqual } from 'node:crypto';
import { bodiesLike } from './bodies.js';
import { keysLike } from './keys.js';
import { readingsOf } from './signatures.js';
import type { Mistake, Variant } from './variants.js';

/** A delivery that was refused, as it was captured. */
export interface Capture {
  readonly body: Buffer;
  /** The header's text. */
  readonly signature: string;
  /** The keys that it might be signed with, each with the event it is for, or null for all. */
  readonly keys: readonly { readonly key: string; readonly event: string | null }[];
}

/** Why it was refused. */
export type Diagnosis =
  | { readonly verdict: 'valid' }
  /** What explains it; the fewest mistakes that do. */
  | { readonly verdict: 'explained'; readonly mistakes: readonly Mistake[] }
  | { readonly verdict: 'unexplained' };

/**
 * Tries the known mistakes, alone and together, until the signature holds: the likely ones first, and no more than
 * `mostBytes` of bodies, for those who cannot wait.
 */
export function diagnose(
  { body, signature, keys }: Capture,
  { mostBytes = Number.POSITIVE_INFINITY }: { mostBytes?: number } = {},
): Diagnosis {
  const readings = readingsOf(signature);
  if (readings.length === 0) return { verdict: 'unexplained' };
  const bodies = bodiesLike(body);
  const eventsOf = new Map<string, (string | null)[]>();
  for (const { key, event } of keys) eventsOf.set(key, [...(eventsOf.get(key) ?? []), event]);
  const pairs = [...eventsOf].flatMap(([given, events]) =>
    keysLike(given).flatMap((key) => bodies.map((sent) => ({ key, events, sent }))),
  );
  pairs.sort((a, b) => mistakesIn(a) - mistakesIn(b));
  const found: Mistake[][] = [];
  let bytes = 0;
  for (const { key, events, sent } of pairs) {
    if (bytes + sent.value.length > mostBytes) continue;
    bytes += sent.value.length;
    const expected = createHmac('sha256', key.value).update(sent.value).digest();
    for (const reading of readings) {
      if (!timingSafeEqual(expected, reading.value)) continue;
      const mistakes = [reading.mistake, key.mistake, sent.mistake, foreign(events, sent.value)];
      found.push(mistakes.filter((mistake) => mistake !== undefined));
    }
  }
  const [fewest] = found.sort((a, b) => a.length - b.length);
  if (fewest === undefined) return { verdict: 'unexplained' };
  return fewest.length === 0 ? { verdict: 'valid' } : { verdict: 'explained', mistakes: fewest };
}

function mistakesIn({ key, sent }: { readonly key: Variant<Buffer>; readonly sent: Variant<Buffer> }): number {
  return (key.mistake === undefined ? 0 : 1) + (sent.mistake === undefined ? 0 : 1);
}

/** A key that is bound to events does not authenticate another one. */
function foreign(events: readonly (string | null)[], body: Buffer): Mistake | undefined {
  const name = eventOf(body);
  if (name === undefined || events.includes(null) || events.includes(name)) return undefined;
  return {
    id: 'key-of-another-event',
    what: `It is signed with the key of ${events.join(', ')}, and it is a ${name}.`,
    fix: `Each event has a webhook and a key of its own: add the key of the webhook for ${name}.`,
  };
}

function eventOf(body: Buffer): string | undefined {
  try {
    const name: unknown = JSON.parse(body.toString()).event;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
