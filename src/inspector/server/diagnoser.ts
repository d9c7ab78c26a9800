import type { Diagnosis } from '../../diagnosis/diagnose.js';
import { DiagnosisQueue } from '../../diagnosis/diagnosis-queue.js';
import type { RouterInternals } from '../../internals.js';
import type { KeyRing } from '../../signature/key-ring.js';
import type { Entry } from './entry.js';

const SIGNATURE_REASONS: ReadonlySet<string | null> = new Set(['malformed', 'mismatch', 'wrong_key_for_event']);

/** Finds out why signatures were refused. It diagnoses each entry once per set of keys. */
export class Diagnoser {
  readonly #known = new WeakMap<Entry, { readonly ring: KeyRing; readonly diagnosis: Promise<Diagnosis> }>();
  readonly #queue = new DiagnosisQueue();

  constructor(private readonly internals: RouterInternals) {}

  /** Returns undefined when the refusal is not about a signature, or when the keys are not available. */
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
    const diagnosis = this.#queue.diagnose({ body: rawBody, signature, keys });
    this.#known.set(entry, { ring, diagnosis });
    return diagnosis;
  }

  /** A failing key source must not hide a delivery. */
  async #keys(): Promise<KeyRing | undefined> {
    try {
      return await this.internals.loadKeys();
    } catch {
      return undefined;
    }
  }
}
