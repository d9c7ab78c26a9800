import { createHash } from 'node:crypto';
import { type Digest, DigestTable } from './digest-table.js';

/**
 * Remembers at most `max` ids, each for at most `ttlMs`, in constant time per call. It keeps two generations: when the young
 * one is full, it becomes the old one, and the old one is dropped. At least the newest `max / 2` ids are always present.
 */
export class RecentIds {
  #young = new DigestTable();
  #old = new DigestTable();
  readonly #half: number;

  constructor(
    max: number,
    private readonly ttlMs: number,
  ) {
    this.#half = Math.max(1, Math.floor(max / 2));
  }

  has(id: string): boolean {
    const digest = digestOf(id);
    return Date.now() < (this.#young.expiryOf(digest) || this.#old.expiryOf(digest));
  }

  add(id: string): void {
    this.#young.set(digestOf(id), Date.now() + this.ttlMs);
    if (this.#young.size < this.#half) return;
    [this.#young, this.#old] = [this.#old, this.#young];
    this.#young.clear();
  }
}

const SHA_256 = /^[0-9a-f]{64}$/;

function digestOf(id: string): Digest {
  // The router's ids are digests already, but an application may use the store for other ids.
  const hex = SHA_256.test(id) ? id : createHash('sha256').update(id).digest('hex');
  const word = (at: number): number => Number.parseInt(hex.slice(at, at + 8), 16);
  return [word(0), word(8), word(16), word(24)];
}
