import { setImmediate } from 'node:timers/promises';
import { type Budget, type Diagnosis, diagnoseWithin } from '../diagnosis/diagnose.js';
import type { RouterInside } from '../observe.js';
import type { KeyRing } from '../signature/keys.js';
import type { Entry } from './entry.js';

const SIGNATURE_REASONS: ReadonlySet<string | null> = new Set(['malformed', 'mismatch', 'wrong_key_for_event']);

/** The app waits for one slice at most. `doctor` has no such limits, so the page refers to it when one was reached. */
const BUDGET: Budget = {
  mostBytes: 32 * 1024 * 1024,
  mostRewritten: 64 * 1024,
  totalMs: 500,
  sliceMs: 5,
  now: cpuTime,
  pause: () => setImmediate(),
};

/** Finds out why signatures were refused: one entry at a time, and each of them once for a set of keys. */
export class Diagnoser {
  readonly #known = new WeakMap<Entry, { readonly ring: KeyRing; readonly diagnosis: Promise<Diagnosis> }>();
  #previous: Promise<unknown> = Promise.resolve();

  constructor(private readonly inside: RouterInside) {}

  /** Gives undefined when the refusal is not about a signature, or when the keys are not available. */
  async diagnose(entry: Entry): Promise<Diagnosis | undefined> {
    const { signature, reason, rawBody } = entry;
    if (signature === null || !SIGNATURE_REASONS.has(reason)) return undefined;
    const ring = await this.#keys();
    if (ring === undefined) return undefined;
    const known = this.#known.get(entry);
    if (known?.ring === ring) return known.diagnosis;
    const keys = ring.flatMap(({ key, events }) =>
      [...(events ?? [null])].map((event) => ({ key: key.export().toString(), event })),
    );
    const diagnosis = this.#previous.then(() => diagnoseWithin(BUDGET, { body: rawBody, signature, keys }));
    this.#previous = diagnosis.catch(() => {});
    this.#known.set(entry, { ring, diagnosis });
    return diagnosis;
  }

  /** A source of keys that is down must not hide a delivery. */
  async #keys(): Promise<KeyRing | undefined> {
    try {
      return (await this.inside.keys()) ?? [];
    } catch {
      return undefined;
    }
  }
}

/** Milliseconds that this process worked: on a busy machine the wall clock would end a search that has done little. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
