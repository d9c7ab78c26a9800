import { SourceNotCalled } from './backoff.js';

const MAX_REQUESTS = 1_000;
const MAX_BYTES = 32 * 1024 * 1024;

/** Thrown for a request that may not wait, because too many wait already. */
export class TooManyWaiting extends SourceNotCalled {
  override readonly name = 'TooManyWaiting';
}

/** Bounds the requests that wait for keys, because each keeps its unverified body in memory. */
export class WaitLimit {
  #requests = 0;
  #bytes = 0;

  /** Starts the work that a request with a body of `bytes` waits for. Rejects with TooManyWaiting when too much waits already. */
  async wait<T>(bytes: number, start: () => Promise<T>): Promise<T> {
    if (this.#requests >= MAX_REQUESTS) throw new TooManyWaiting(`${MAX_REQUESTS} requests already wait for keys.`);
    if (this.#requests > 0 && this.#bytes + bytes > MAX_BYTES) {
      throw new TooManyWaiting(`Requests with ${MAX_BYTES} bytes already wait for keys.`);
    }
    this.#requests++;
    this.#bytes += bytes;
    try {
      return await start();
    } finally {
      this.#requests--;
      this.#bytes -= bytes;
    }
  }
}
