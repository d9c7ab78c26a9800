/**
 * Bytes (the same memory) or text as a Buffer; undefined for anything else, such as a parsed object, or an array whose
 * bytes were transferred to another thread.
 */
export function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (!(value instanceof Uint8Array) || isDetached(value)) return undefined;
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Only an empty array can be detached. Node 20 has no better way to ask. */
function isDetached(array: Uint8Array): boolean {
  if (array.length > 0) return false;
  try {
    new Uint8Array(array.buffer);
    return false;
  } catch {
    return true;
  }
}
