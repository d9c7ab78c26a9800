import { positiveInteger, rejectUnknownKeys } from '../shared/option-checks.js';
import { Recent } from './recent.js';
import { RecentIds } from './recent-ids.js';
import type { DedupeStore, Reservation } from './store.js';

/** The limits of the dedupe memory. */
export interface MemoryOptions {
  /** Milliseconds for which a finished delivery is remembered. Default 24 hours. */
  readonly ttlMs?: number;
  /** The largest number of remembered deliveries. Only the newest half is always remembered. Default 100,000. */
  readonly maxEntries?: number;
}

const REMOVED_OPTIONS = new Map([['dedupe.max', '`dedupe.max` is now `dedupe.maxEntries`.']]);

const DAY_MS = 24 * 60 * 60 * 1000;

const RESERVED: Reservation = { state: 'reserved' };
const RUNNING: Reservation = { state: 'running' };
const FINISHED: Reservation = { state: 'finished' };

/** The default store, in the memory of this process. */
export class MemoryDedupeStore implements DedupeStore {
  readonly #running = new Set<string>();
  readonly #finished: RecentIds;
  readonly #failures: Recent<number>;

  /** @throws {ConfigurationError} when an option does not exist or is not a whole number above 0. */
  constructor(options: MemoryOptions = {}) {
    rejectUnknownKeys('dedupe', options, ['ttlMs', 'maxEntries'], REMOVED_OPTIONS);
    const ttlMs = positiveInteger('dedupe.ttlMs', options.ttlMs, DAY_MS);
    const maxEntries = positiveInteger('dedupe.maxEntries', options.maxEntries, 100_000);
    this.#finished = new RecentIds(maxEntries, ttlMs);
    this.#failures = new Recent(maxEntries, ttlMs);
  }

  reserve(id: string): Reservation {
    if (this.#finished.has(id)) return FINISHED;
    if (this.#running.has(id)) return RUNNING;
    this.#running.add(id);
    const failures = this.#failures.get(id);
    return failures === undefined ? RESERVED : { state: 'reserved', attempt: failures + 1 };
  }

  finish(id: string): void {
    this.#running.delete(id);
    this.#finished.add(id);
    this.#failures.delete(id);
  }

  release(id: string): void {
    if (this.#running.delete(id)) this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
  }
}
