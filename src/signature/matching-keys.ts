import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

/**
 * The keys under which the signature matches: none for a forgery. Every key is tried and every comparison takes constant
 * time, so the time taken tells neither how much of a signature is right nor which key it belongs to.
 */
export function matchingKeys(body: Buffer, signature: Buffer, ring: KeyRing): KeyRing {
  return ring.filter(({ key }) => timingSafeEqual(createHmac('sha256', key).update(body).digest(), signature));
}
