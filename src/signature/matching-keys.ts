import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

/**
 * Returns the keys under which the signature matches. Every key is tried and every comparison takes constant time, so the
 * timing reveals neither which key matches nor how much of a signature is correct. The algorithm also stands in
 * decode-signature.ts, testing/sign.ts, diagnosis/diagnose.ts and the inspector's routes.
 */
export function matchingKeys(body: Buffer, signature: Buffer, ring: KeyRing): KeyRing {
  return ring.filter(({ key }) => timingSafeEqual(createHmac('sha256', key).update(body).digest(), signature));
}
