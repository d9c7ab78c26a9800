/**
 * A bounded memory of recent keys: at most `max`, each for at most `ttlMs`, in constant time a call.
 * Two generations share the work: when the young one is full it becomes the old one, and the old one is dropped whole.
 * So at least the newest `max / 2` keys are always there, and no entry is ever evicted one by one (taking the oldest out
 * of a Map over and over walks over the holes that the earlier ones left).
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
    return entry !== undefined && Date.now() < entry.until ? entry.value : undefined;
  }

  set(key: string, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, { value, until: Date.now() + this.ttlMs });
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
  readonly until: number;
}
