import type { HeadersInput } from '../shared/headers.js';
import { SourceNotCalled } from './backoff.js';
import { findSignature } from './find-signature.js';
import type { KeyRing } from './key-ring.js';
import type { KeySource } from './key-source.js';
import { matchingKeys } from './matching-keys.js';

/** The keys under which a signature matches, among those that were tried. */
export interface Verified {
  readonly keys: KeyRing;
  readonly tried: KeyRing;
}

/** The reason why a request is not authentic, or why its signature could not be checked. */
export interface Unverified {
  readonly reason: 'missing' | 'malformed' | 'mismatch' | 'keys_unavailable';
  readonly cause?: unknown;
}

type Verification = Verified | Unverified;

const MISMATCH: Unverified = { reason: 'mismatch' };

/** Verifies the signatures of requests. */
export class Verifier {
  constructor(
    private readonly keys: KeySource,
    private readonly headerNames: readonly string[],
  ) {}

  /** Never throws or rejects. The result is there at once unless keys must be loaded. */
  verify(body: Buffer, headers: HeadersInput): Verification | Promise<Verification> {
    const found = findSignature(headers, this.headerNames);
    if ('reason' in found) return found;
    const { current } = this.keys;
    if (current === undefined) return this.#verifyWithLoadedKeys(body, found.signature);
    const verified = match(body, found.signature, current);
    if (verified !== undefined) return verified;
    const refreshed = this.keys.refresh(body.length);
    return refreshed === undefined ? MISMATCH : verifyWithNewerKeys(body, found.signature, current, refreshed);
  }

  async #verifyWithLoadedKeys(body: Buffer, signature: Buffer): Promise<Verification> {
    try {
      const ring = await this.keys.load(body.length);
      const verified = match(body, signature, ring);
      if (verified !== undefined) return verified;
      const refreshed = this.keys.refresh(body.length);
      return refreshed === undefined ? MISMATCH : await verifyWithNewerKeys(body, signature, ring, refreshed);
    } catch (cause) {
      return { reason: 'keys_unavailable', cause };
    }
  }
}

async function verifyWithNewerKeys(
  body: Buffer,
  signature: Buffer,
  tried: KeyRing,
  refreshed: Promise<KeyRing>,
): Promise<Verification> {
  try {
    const ring = await refreshed;
    return (ring === tried ? undefined : match(body, signature, ring)) ?? MISMATCH;
  } catch (cause) {
    // While the source fails, a mismatch is a forgery. When the source was not called, the key may be new.
    return { reason: cause instanceof SourceNotCalled ? 'keys_unavailable' : 'mismatch', cause };
  }
}

function match(body: Buffer, signature: Buffer, tried: KeyRing): Verified | undefined {
  const keys = matchingKeys(body, signature, tried);
  return keys.length === 0 ? undefined : { keys, tried };
}
