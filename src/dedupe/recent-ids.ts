import { createHash } from 'node:crypto';
import { type Digest, DigestTable } from './digest-table.js';

/**
 * A bounded memory of ids: at most `max`, each for at most `ttlMs`, in constant time a call. Two generations share the
 * work: when the young one is full, the old one is dropped whole and takes its place. So at least the newest `max / 2`
 * are always there.
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
    return Date.now() < (this.#young.untilOf(digest) || this.#old.untilOf(digest));
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
  // Ids are digests already, unless somebody uses the store for ids of their own.
  const hex = SHA_256.test(id) ? id : createHash('sha256').update(id).digest('hex');
  const word = (at: number): number => Number.parseInt(hex.slice(at, at + 8), 16);
  return [word(0), word(8), word(16), word(24)];
}
