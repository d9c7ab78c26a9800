import { arrived, type Entry, type NewEntry, sizeOf } from './entry.js';
import type { HistoryStore } from './history-store.js';
import type { ShownOutcome } from './protocol.js';

/** The bounds of what is remembered. */
const MOST_ENTRIES = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;

const NOT_TAKEN: ReadonlySet<ShownOutcome> = new Set(['running', 'rejected', 'duplicate']);

/** The latest requests, in memory and, if there is one, in a file. */
export class History {
  readonly #entries = new Map<number, Entry>();
  /** By the id of the delivery: the request that its further attempts belong to. */
  readonly #owners = new Map<string, Entry>();
  readonly #listeners = new Set<(entry: Entry) => void>();
  /** As counted in `#bytes`: an entry grows while its handlers run. */
  readonly #sizes = new WeakMap<Entry, number>();
  #bytes = 0;
  #next = 1;

  constructor(private readonly store?: HistoryStore) {
    for (const entry of store?.load() ?? []) {
      this.#keep(entry);
      this.#own(entry);
    }
  }

  /** Smaller keys are forgotten. */
  get oldest(): number {
    return this.#entries.keys().next().value ?? this.#next;
  }

  add(given: NewEntry): Entry {
    const entry: Entry = {
      key: this.#next,
      at: Date.now(),
      ...arrived(),
      ...given,
    };
    this.#keep(entry);
    this.#tell(entry);
    return entry;
  }

  change(entry: Entry, change: Partial<Entry> = {}): void {
    Object.assign(entry, change);
    if (!this.#entries.has(entry.key)) return; // so slow that it is forgotten
    this.#own(entry);
    this.#tell(entry);
    this.store?.save(entry);
    this.#bound(entry);
  }

  /** Writes what has changed so far to the file, without waiting for the end of this turn of the event loop. */
  flush(): void {
    this.store?.flush();
  }

  /** Writes what has changed, and releases the file. */
  close(): void {
    this.store?.close();
  }

  get(key: number): Entry | undefined {
    return this.#entries.get(key);
  }

  /** The latest request that was taken and brought this delivery. */
  ownerOf(id: string): Entry | undefined {
    return this.#owners.get(id);
  }

  all(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** Calls back for every entry that is new or changed, until the returned function is called. */
  listen(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #keep(entry: Entry): void {
    this.#entries.set(entry.key, entry);
    this.#next = Math.max(this.#next, entry.key + 1);
    this.#bound(entry);
  }

  /** Counts an entry that is new or has changed, and forgets the oldest ones beyond the bounds. */
  #bound(entry: Entry): void {
    const size = sizeOf(entry);
    this.#bytes += size - (this.#sizes.get(entry) ?? 0);
    this.#sizes.set(entry, size);
    for (const oldest of this.#entries.values()) {
      if (this.#entries.size <= MOST_ENTRIES && this.#bytes <= MOST_BYTES) return;
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
    if (entry.id !== null && !NOT_TAKEN.has(entry.outcome)) this.#owners.set(entry.id, entry);
  }

  #tell(entry: Entry): void {
    for (const listener of this.#listeners) listener(entry);
  }
}
