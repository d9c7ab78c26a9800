/** The first 128 bits of a SHA-256, as four 32-bit numbers. They are enough to tell deliveries apart. */
export type Digest = readonly [number, number, number, number];

const FIRST_CAPACITY = 1024;

/**
 * A hash table of digests and their expiry times in flat arrays. Every garbage collection would walk 100,000 strings in a
 * Map, and bodies of 64 KB cause one every hundred requests, which took more time than all other work.
 */
export class DigestTable {
  /** Four numbers per slot. */
  #words = new Uint32Array(4 * FIRST_CAPACITY);
  /** In Unix milliseconds, or 0 in a free slot. */
  #expiry = new Float64Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns the expiry time in Unix milliseconds, or 0 for a digest that is not in the table. */
  expiryOf(digest: Digest): number {
    return this.#expiry[this.#slotOf(digest)] as number;
  }

  set(digest: Digest, expiry: number): void {
    const slot = this.#slotOf(digest);
    if (this.#expiry[slot] === 0) {
      this.#words.set(digest, 4 * slot);
      this.#size++;
    }
    this.#expiry[slot] = expiry;
    // Half of the slots stay free, so that searches are short.
    if (this.#size * 2 > this.#expiry.length) this.#grow();
  }

  /** Removes every digest, and keeps the arrays for new ones. */
  clear(): void {
    this.#expiry.fill(0);
    this.#size = 0;
  }

  /** Returns the slot of the digest, or the free slot for it. The digest serves as its own hash. */
  #slotOf([a, b, c, d]: Digest): number {
    const words = this.#words;
    const mask = this.#expiry.length - 1;
    let slot = a & mask;
    while (this.#expiry[slot] !== 0) {
      const at = 4 * slot;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const words = this.#words;
    const expiry = this.#expiry;
    this.#words = new Uint32Array(2 * words.length);
    this.#expiry = new Float64Array(2 * expiry.length);
    for (const [slot, time] of expiry.entries()) {
      if (time === 0) continue;
      const at = 4 * slot;
      const digest = [words[at], words[at + 1], words[at + 2], words[at + 3]] as unknown as Digest;
      const to = this.#slotOf(digest);
      this.#words.set(digest, 4 * to);
      this.#expiry[to] = time;
    }
  }
}
