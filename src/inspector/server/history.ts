import { type Entry, type NewEntry, newState, sizeOf } from './entry.js';
import type { HistoryStore } from './history-store.js';
import type { ShownOutcome } from './protocol.js';

const MAX_ENTRIES = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

const NOT_OWNING: ReadonlySet<ShownOutcome> = new Set(['running', 'rejected', 'duplicate']);

/** The latest requests, in memory and optionally in a file. */
export class History {
  readonly #entries = new Map<number, Entry>();
  /** The request that further attempts of a delivery belong to, by the delivery's id. */
  readonly #owners = new Map<string, Entry>();
  readonly #listeners = new Set<(entry: Entry) => void>();
  /** The sizes that `#bytes` is the sum of, because an entry grows while its handlers run. */
  readonly #sizes = new WeakMap<Entry, number>();
  #bytes = 0;
  #next = 1;

  constructor(private readonly store?: HistoryStore) {
    for (const entry of store?.load() ?? []) {
      this.#keep(entry);
      this.#own(entry);
    }
  }

  /** The key of the oldest entry. The history has forgotten all smaller keys. */
  get oldest(): number {
    return this.#entries.keys().next().value ?? this.#next;
  }

  add(given: NewEntry): Entry {
    const entry: Entry = {
      key: this.#next,
      at: Date.now(),
      ...newState(),
      ...given,
    };
    this.#keep(entry);
    this.#notify(entry);
    return entry;
  }

  change(entry: Entry, change: Partial<Entry> = {}): void {
    Object.assign(entry, change);
    if (!this.#entries.has(entry.key)) return; // forgotten in the meantime
    this.#own(entry);
    this.#notify(entry);
    this.store?.save(entry);
    this.#bound(entry);
  }

  /** Writes all changes to the file now, without waiting for the end of this turn of the event loop. */
  flush(): void {
    this.store?.flush();
  }

  /** Writes all changes, and releases the file. */
  close(): void {
    this.store?.close();
  }

  get(key: number): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Returns the latest request that brought this delivery and was accepted. */
  ownerOf(id: string): Entry | undefined {
    return this.#owners.get(id);
  }

  all(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** Calls the listener for every entry that is new or changed. Returns a function that removes the listener. */
  listen(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #keep(entry: Entry): void {
    this.#entries.set(entry.key, entry);
    this.#next = Math.max(this.#next, entry.key + 1);
    this.#bound(entry);
  }

  /** Counts an entry that is new or has changed, and forgets the oldest entries beyond the bounds. */
  #bound(entry: Entry): void {
    const size = sizeOf(entry);
    this.#bytes += size - (this.#sizes.get(entry) ?? 0);
    this.#sizes.set(entry, size);
    for (const oldest of this.#entries.values()) {
      if (this.#entries.size <= MAX_ENTRIES && this.#bytes <= MAX_BYTES) return;
      this.#forget(oldest);
    }
  }

  #forget(entry: Entry): void {
    const { key, id } = entry;
    this.#entries.delete(key);
    this.#bytes -= this.#sizes.get(entry) ?? 0;
    if (id !== null && this.#owners.get(id) === entry) this.#owners.delete(id);
    this.store?.forget(entry);
  }

  #own(entry: Entry): void {
    if (entry.id !== null && !NOT_OWNING.has(entry.outcome)) this.#owners.set(entry.id, entry);
  }

  #notify(entry: Entry): void {
    for (const listener of this.#listeners) listener(entry);
  }
}
