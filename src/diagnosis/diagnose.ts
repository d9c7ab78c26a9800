import { createHmac, timingSafeEqual } from 'node:crypto';
import { bodyVariants } from './body-variants.js';
import { keyVariants } from './key-variants.js';
import { signatureVariants } from './signature-variants.js';
import type { Mistake, Variant } from './variants.js';

/** A captured delivery whose signature was rejected. */
export interface Capture {
  readonly body: Buffer;
  /** The text of the signature header. */
  readonly signature: string;
  /** The keys that may have signed it, each with its event, or null for all events. */
  readonly keys: readonly { readonly key: string; readonly event: string | null }[];
}

/** The reason why a signature was rejected. */
export type Diagnosis =
  | { readonly verdict: 'valid' }
  /** `mistakes` is the smallest set of mistakes that explains it. */
  | { readonly verdict: 'explained'; readonly mistakes: readonly Mistake[] }
  /** `isExhausted` is true when a limit ended the search before every known mistake was tried. */
  | { readonly verdict: 'unexplained'; readonly isExhausted?: true };

/** Limits of a search for the cause. */
export interface Limits {
  /** The total number of bytes to hash. Bodies that exceed the rest are skipped. Default: no limit. */
  readonly maxHashedBytes?: number;
  /** The longest body that is parsed and rewritten. Default: no limit. */
  readonly maxRewrittenBytes?: number;
}

/** Limits of a search that pauses, so that the process can do other work. */
export interface Budget extends Limits {
  /** Milliseconds of work after which the search ends. */
  readonly totalMs: number;
  /** Milliseconds of work after which the search pauses. */
  readonly sliceMs: number;
  /** A clock in milliseconds. */
  now(): number;
  /** Resolves when other work had its turn. */
  pause(): Promise<void>;
}

/** Tries the known mistakes, alone and combined, until the signature matches. The likely ones come first. */
export function diagnose(capture: Capture, limits: Limits = {}): Diagnosis {
  const search = searchIn(capture, limits);
  let step = search.next(false);
  while (!step.done) step = search.next(false);
  return step.value;
}

/** Works like `diagnose` within a budget, and pauses between slices, so that a hostile body cannot block the process. */
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

/** Yields between its steps, and ends when it is resumed with true. */
function* searchIn({ body, signature, keys }: Capture, limits: Limits): Generator<undefined, Diagnosis, boolean> {
  const { maxHashedBytes = Number.POSITIVE_INFINITY, maxRewrittenBytes = Number.POSITIVE_INFINITY } = limits;
  const signatures = signatureVariants(signature);
  if (signatures.length === 0) return { verdict: 'unexplained' };
  const bodies: Variant<Buffer>[] = [];
  let isExhausted = body.length > maxRewrittenBytes;
  for (const sent of bodyVariants(body, maxRewrittenBytes)) {
    if (sent !== undefined) bodies.push(sent);
    if (yield) return { verdict: 'unexplained', isExhausted: true };
  }
  let bytes = 0;
  for (const { key, events, sent } of pairsOf(keys, bodies)) {
    if (yield) return { verdict: 'unexplained', isExhausted: true };
    if (bytes + sent.value.length > maxHashedBytes) {
      isExhausted = true;
      continue;
    }
    bytes += sent.value.length;
    const hmac = createHmac('sha256', key.value);
    for (let at = 0; at < sent.value.length; at += STEP_BYTES) {
      hmac.update(sent.value.subarray(at, at + STEP_BYTES));
      if (yield) return { verdict: 'unexplained', isExhausted: true };
    }
    const expected = hmac.digest();
    const matching = signatures.find(({ value }) => timingSafeEqual(expected, value));
    if (matching === undefined) continue;
    const mistakes = [matching.mistake, key.mistake, sent.mistake, wrongEvent(events, sent.value)];
    const known = mistakes.filter((mistake) => mistake !== undefined);
    return known.length === 0 ? { verdict: 'valid' } : { verdict: 'explained', mistakes: known };
  }
  return { verdict: 'unexplained', ...(isExhausted && { isExhausted }) };
}

/** The number of bytes that are hashed in one step. */
const STEP_BYTES = 256 * 1024;

interface Pair {
  readonly key: Variant<Buffer>;
  readonly events: readonly (string | null)[];
  readonly sent: Variant<Buffer>;
}

/** Pairs the keys with the bodies: first without a mistake, then with one, then with two. */
function* pairsOf(keys: Capture['keys'], bodies: readonly Variant<Buffer>[]): Generator<Pair> {
  const eventsOf = new Map<string, (string | null)[]>();
  for (const { key, event } of keys) eventsOf.set(key, [...(eventsOf.get(key) ?? []), event]);
  const candidates = [...eventsOf].flatMap(([given, events]) => keyVariants(given).map((key) => ({ key, events })));
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

/** A key that is bound to events does not authenticate other events. */
function wrongEvent(events: readonly (string | null)[], body: Buffer): Mistake | undefined {
  if (events.includes(null)) return undefined;
  const name = eventOf(body);
  if (name === undefined || events.includes(name)) return undefined;
  return {
    id: 'key-of-another-event',
    what: `The event is ${name}, but it was signed with the key of ${events.join(', ')}.`,
    fix: `Each event has its own webhook and its own key. Add the key of the webhook for ${name}.`,
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
