import { type HeadersInput, headerValues } from '../shared/headers.js';
import { decodeSignature } from './decode-signature.js';

export type FoundSignature = { readonly signature: Buffer } | { readonly reason: 'missing' | 'malformed' };

/**
 * The signature a request carries: the first of the names that is present counts, and only when it is there once and
 * spelled exactly. Sent twice it is malformed, so that no proxy and no attacker chooses which one is read.
 */
export function findSignature(headers: HeadersInput, names: readonly string[]): FoundSignature {
  for (const name of names) {
    const values = headerValues(headers, name);
    if (values.length === 0) continue;
    const [text] = values;
    if (values.length > 1 || typeof text !== 'string') return { reason: 'malformed' };
    const signature = decodeSignature(text);
    if (signature !== undefined) return { signature };
    return { reason: text.trim() === '' ? 'missing' : 'malformed' };
  }
  return { reason: 'missing' };
}
