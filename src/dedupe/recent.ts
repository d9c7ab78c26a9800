/**
 * A Map of at most `max` entries, each for at most `ttlMs`, in constant time per call. It keeps two generations: when the
 * young one is full, it becomes the old one, and the old one is dropped. At least the newest `max / 2` entries are always
 * present. Deleting the oldest entry of a Map each time would walk over the holes of those deleted before.
 */
export class Recent<V> {
  #young = new Map<string, Entry<V>>();
  #old = new Map<string, Entry<V>>();
  readonly #half: number;

  constructor(
    max: number,
    private readonly ttlMs: number,
  ) {
    this.#half = Math.max(1, Math.floor(max / 2));
  }

  get(key: string): V | undefined {
    const entry = this.#young.get(key) ?? this.#old.get(key);
    return entry !== undefined && Date.now() < entry.expiry ? entry.value : undefined;
  }

  set(key: string, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, { value, expiry: Date.now() + this.ttlMs });
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}

interface Entry<V> {
  readonly value: V;
  readonly expiry: number;
}
