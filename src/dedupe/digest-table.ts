/** The first 128 bits of a SHA-256, as four 32-bit numbers: enough that no two deliveries share them. */
export type Digest = readonly [number, number, number, number];

const FIRST_CAPACITY = 1024;

/**
 * Digests and until when each counts, in flat arrays. 100,000 strings in a Map would be walked by every garbage
 * collection, and bodies of some 64 KB cause one every hundred requests: that took more time than all the rest.
 */
export class DigestTable {
  /** Four numbers a slot. */
  #words = new Uint32Array(4 * FIRST_CAPACITY);
  /** Unix milliseconds; 0 in a slot that is free. */
  #until = new Float64Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Until when it counts, in Unix milliseconds; 0 when it is not there. */
  untilOf(digest: Digest): number {
    return this.#until[this.#slotOf(digest)] as number;
  }

  set(digest: Digest, until: number): void {
    const slot = this.#slotOf(digest);
    if (this.#until[slot] === 0) {
      this.#words.set(digest, 4 * slot);
      this.#size++;
    }
    this.#until[slot] = until;
    // Half of the slots stay free, so that a search is short.
    if (this.#size * 2 > this.#until.length) this.#grow();
  }

  /** Forgets all, and keeps the arrays for what comes. */
  clear(): void {
    this.#until.fill(0);
    this.#size = 0;
  }

  /** Where the digest is, or the free slot where it goes. Its own bits serve as its hash. */
  #slotOf([a, b, c, d]: Digest): number {
    const words = this.#words;
    const mask = this.#until.length - 1;
    let slot = a & mask;
    while (this.#until[slot] !== 0) {
      const at = 4 * slot;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const words = this.#words;
    const until = this.#until;
    this.#words = new Uint32Array(2 * words.length);
    this.#until = new Float64Array(2 * until.length);
    for (const [slot, time] of until.entries()) {
      if (time === 0) continue;
      const at = 4 * slot;
      const digest = [words[at], words[at + 1], words[at + 2], words[at + 3]] as unknown as Digest;
      const to = this.#slotOf(digest);
      this.#words.set(digest, 4 * to);
      this.#until[to] = time;
    }
  }
}
