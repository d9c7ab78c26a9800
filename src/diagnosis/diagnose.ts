import { createHmac, timingSafeEqual } from 'node:crypto';
import { bodiesLike } from './body-variants.js';
import { keysLike } from './key-variants.js';
import { readingsOf } from './signature-variants.js';
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
  /** `isExhausted`: not every known mistake was tried, because a limit did not allow it. */
  | { readonly verdict: 'unexplained'; readonly isExhausted?: true };

/** Limits of a search for the cause. */
export interface Limits {
  /** Bytes of bodies to hash; bodies that exceed what is left are skipped. Default: no limit. */
  readonly mostBytes?: number;
  /** The longest body, in bytes, that is parsed and rewritten. Default: no limit. */
  readonly mostRewritten?: number;
}

/** Limits of a search that lets other work through. */
export interface Budget extends Limits {
  /** Milliseconds of work, after which the search ends. */
  readonly totalMs: number;
  /** Milliseconds of work, after which the search pauses. */
  readonly sliceMs: number;
  /** A clock, in milliseconds. */
  now(): number;
  /** Lets other work through. */
  pause(): Promise<void>;
}

/** Tries the known mistakes, alone and together, until the signature holds; the likely ones first. */
export function diagnose(capture: Capture, limits: Limits = {}): Diagnosis {
  const search = searchIn(capture, limits);
  let step = search.next(false);
  while (!step.done) step = search.next(false);
  return step.value;
}

/** The same within a budget, in slices between which it pauses, so that a hostile body cannot hold up the process. */
export async function diagnoseWithin(
  { totalMs, sliceMs, now, pause, ...limits }: Budget,
  capture: Capture,
): Promise<Diagnosis> {
  const search = searchIn(capture, limits);
  let left = totalMs;
  let startedAt = now();
  for (;;) {
    const elapsed = now() - startedAt;
    const step = search.next(elapsed >= left);
    if (step.done) return step.value;
    if (elapsed < sliceMs) continue;
    left -= elapsed;
    await pause();
    startedAt = now();
  }
}

/** Yields between its steps, and ends at once when it is resumed with true. */
function* searchIn({ body, signature, keys }: Capture, limits: Limits): Generator<undefined, Diagnosis, boolean> {
  const { mostBytes = Number.POSITIVE_INFINITY, mostRewritten = Number.POSITIVE_INFINITY } = limits;
  const readings = readingsOf(signature);
  if (readings.length === 0) return { verdict: 'unexplained' };
  const bodies: Variant<Buffer>[] = [];
  let isExhausted = body.length > mostRewritten;
  for (const sent of bodiesLike(body, mostRewritten)) {
    if (sent !== undefined) bodies.push(sent);
    if (yield) return { verdict: 'unexplained', isExhausted: true };
  }
  let bytes = 0;
  for (const { key, events, sent } of pairsOf(keys, bodies)) {
    if (yield) return { verdict: 'unexplained', isExhausted: true };
    if (bytes + sent.value.length > mostBytes) {
      isExhausted = true;
      continue;
    }
    bytes += sent.value.length;
    const hmac = createHmac('sha256', key.value);
    for (let at = 0; at < sent.value.length; at += CHUNK) {
      hmac.update(sent.value.subarray(at, at + CHUNK));
      if (yield) return { verdict: 'unexplained', isExhausted: true };
    }
    const expected = hmac.digest();
    const reading = readings.find(({ value }) => timingSafeEqual(expected, value));
    if (reading === undefined) continue;
    const mistakes = [reading.mistake, key.mistake, sent.mistake, foreign(events, sent.value)];
    const known = mistakes.filter((mistake) => mistake !== undefined);
    return known.length === 0 ? { verdict: 'valid' } : { verdict: 'explained', mistakes: known };
  }
  return { verdict: 'unexplained', ...(isExhausted && { isExhausted }) };
}

/** Bytes that are hashed in one step. */
const CHUNK = 256 * 1024;

interface Pair {
  readonly key: Variant<Buffer>;
  readonly events: readonly (string | null)[];
  readonly sent: Variant<Buffer>;
}

/** The keys with the bodies: first those without a mistake, then those with one, then those with two. */
function* pairsOf(keys: Capture['keys'], bodies: readonly Variant<Buffer>[]): Generator<Pair> {
  const eventsOf = new Map<string, (string | null)[]>();
  for (const { key, event } of keys) eventsOf.set(key, [...(eventsOf.get(key) ?? []), event]);
  const candidates = [...eventsOf].flatMap(([given, events]) => keysLike(given).map((key) => ({ key, events })));
  const [givenKeys, otherKeys] = partition(candidates, ({ key }) => key.mistake === undefined);
  const [givenBodies, otherBodies] = partition(bodies, ({ mistake }) => mistake === undefined);
  yield* product(givenKeys, givenBodies);
  yield* product(givenKeys, otherBodies);
  yield* product(otherKeys, givenBodies);
  yield* product(otherKeys, otherBodies);
}

function* product(candidates: readonly Omit<Pair, 'sent'>[], bodies: readonly Variant<Buffer>[]): Generator<Pair> {
  for (const candidate of candidates) for (const sent of bodies) yield { ...candidate, sent };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** A key that is bound to events does not authenticate another one. */
function foreign(events: readonly (string | null)[], body: Buffer): Mistake | undefined {
  if (events.includes(null)) return undefined;
  const name = eventOf(body);
  if (name === undefined || events.includes(name)) return undefined;
  return {
    id: 'key-of-another-event',
    what: `It is signed with the key of ${events.join(', ')}, and it is a ${name}.`,
    fix: `Each event has a webhook and a key of its own: add the key of the webhook for ${name}.`,
  };
}

/** The event that an unverified body names. */
export function eventOf(body: Buffer): string | undefined {
  try {
    const name: unknown = JSON.parse(body.toString()).event;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
