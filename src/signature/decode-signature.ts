/**
 * The one spelling of 32 bytes in base64: 43 characters, the last of which carries two zero bits, and one `=`.
 * `Buffer.from(text, 'base64')` would also take junk, missing padding, other alphabets and set trailing bits.
 */
const CANONICAL = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** The 32 bytes that a signature spells, or undefined when it is not exactly the base64 of 32 bytes. */
export function decodeSignature(text: string): Buffer | undefined {
  return CANONICAL.test(text) ? Buffer.from(text, 'base64') : undefined;
}
