import { type HeadersInput, headerValues } from '../shared/headers.js';
import { decodeSignature } from './decode-signature.js';

export type FoundSignature = { readonly signature: Buffer } | { readonly reason: 'missing' | 'malformed' };

/**
 * Reads the signature of a request from the first of the headers that is present. A header that was sent twice is
 * malformed, so that neither a proxy nor an attacker can choose which value counts.
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
