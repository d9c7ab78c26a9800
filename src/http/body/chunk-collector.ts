/** A chunk of this many bytes costs more to copy than to keep. */
const LARGE_BYTES = 4 * 1024;
const SMALLEST_BLOCK = 1024;
const LARGEST_BLOCK = 64 * 1024;

/**
 * Collects the chunks of a body in few buffers. A Buffer of one byte occupies some 300 bytes, and every chunk costs an
 * HMAC update per key, so small chunks are copied into shared blocks. Large chunks stay as they came: their copies were
 * most of what a flood of large forged bodies left to the garbage collector.
 */
export class ChunkCollector {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #block: Buffer | undefined;
  /** The part of the block that holds bytes which `#chunks` does not have yet. */
  #start = 0;
  #end = 0;
  #copied = 0;
  #isLastSmall = false;

  /** The bytes that were added. */
  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer): void {
    this.#length += chunk.length;
    const isLarge = chunk.length >= LARGE_BYTES;
    // A small chunk that follows no other small one is kept as well, because most bodies end with one.
    if (!pinsMuchMore(chunk) && (isLarge || !this.#isLastSmall)) {
      this.#flush();
      this.#chunks.push(chunk);
    } else {
      this.#copy(chunk);
    }
    this.#isLastSmall = !isLarge;
  }

  /** The body in order. Nothing may be added afterwards. */
  end(): readonly Buffer[] {
    this.#flush();
    return this.#chunks;
  }

  #copy(chunk: Buffer): void {
    if (this.#block === undefined || this.#block.length - this.#end < chunk.length) {
      this.#flush();
      // As large as everything copied before, so that a body of any size needs few blocks and little spare memory.
      const size = Math.min(Math.max(this.#copied, SMALLEST_BLOCK), LARGEST_BLOCK);
      this.#block = Buffer.allocUnsafeSlow(Math.max(size, chunk.length));
      this.#start = 0;
      this.#end = 0;
    }
    this.#block.set(chunk, this.#end);
    this.#end += chunk.length;
    this.#copied += chunk.length;
  }

  #flush(): void {
    if (this.#block === undefined || this.#start === this.#end) return;
    this.#chunks.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

/** Tests for a chunk that is a small part of a memory block, all of which it keeps alive. */
function pinsMuchMore(chunk: Buffer): boolean {
  return chunk.buffer.byteLength > 2 * chunk.length;
}
