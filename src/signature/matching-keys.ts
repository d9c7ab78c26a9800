import { createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

/**
 * Returns the keys under which the signature matches. Every key is tried and every comparison takes constant time, so the
 * timing reveals neither which key matches nor how much of a signature is correct.
 */
export function matchingKeys(body: readonly Buffer[], signature: Buffer, ring: KeyRing): KeyRing {
  return ring.filter(({ key }) => {
    const hmac = createHmac('sha256', key);
    for (const chunk of body) hmac.update(chunk);
    return timingSafeEqual(hmac.digest(), signature);
  });
}
