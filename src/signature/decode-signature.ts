/**
 * The canonical base64 of 32 bytes: 43 characters, the last of which ends in two zero bits, and one `=`.
 * `Buffer.from(text, 'base64')` would also accept other characters, missing padding and other trailing bits.
 */
const CANONICAL = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** Returns the 32 bytes of a signature, or undefined when the text is not the canonical base64 of 32 bytes. */
export function decodeSignature(text: string): Buffer | undefined {
  return CANONICAL.test(text) ? Buffer.from(text, 'base64') : undefined;
}
