/** The exact bytes of a body, in the chunks in which they arrived. No chunk is an empty body. */
export type Chunks = readonly Buffer[];

/** Returns text as UTF-8 and bytes as they are, without a copy, or undefined for any other value, such as a parsed object. */
export function bytesOf(value: unknown): Buffer | undefined {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (!(value instanceof Uint8Array)) return undefined;
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

export function byteLength(chunks: Chunks): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}

/** Returns all chunks as one Buffer. A single chunk is not copied. */
export function concat(chunks: Chunks): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
