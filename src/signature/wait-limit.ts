import { isPromised, type MaybePromise } from '../shared/promises.js';
import { SourceNotCalled } from './backoff.js';

const MOST_REQUESTS = 1_000;
const MOST_BYTES = 32 * 1024 * 1024;

/** Thrown for a request that may not wait, because too many wait already. */
export class TooManyWaiting extends SourceNotCalled {
  override readonly name = 'TooManyWaiting';
}

/** Bounds the requests that wait for keys, because each keeps its unverified body in memory. */
export class WaitLimit {
  #requests = 0;
  #bytes = 0;

  /** Starts what a request with a body of `bytes` waits for. Throws TooManyWaiting instead when too much waits already. */
  wait<T>(bytes: number, start: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#requests >= MOST_REQUESTS) throw new TooManyWaiting(`${MOST_REQUESTS} requests wait for keys already.`);
    if (this.#requests > 0 && this.#bytes + bytes > MOST_BYTES) {
      throw new TooManyWaiting(`Requests with ${MOST_BYTES} bytes wait for keys already.`);
    }
    const awaited = start();
    if (!isPromised(awaited)) return awaited;
    this.#requests++;
    this.#bytes += bytes;
    return awaited.finally(() => {
      this.#requests--;
      this.#bytes -= bytes;
    });
  }
}
