import { Backoff, SourceNotCalled } from './backoff.js';

const MAX_REQUESTS = 1_000;
const MAX_BYTES = 32 * 1024 * 1024;

/** Thrown when too many requests already wait. */
export class TooManyWaiting extends SourceNotCalled {
  override readonly name = 'TooManyWaiting';
}

/**
 * Shares one running call among all requests that wait for its result, and delays the next call after a failure. It limits
 * the waiting requests, because each keeps its unverified body in memory.
 */
export class SharedCall<T> {
  readonly #backoff = new Backoff();
  #requests = 0;
  #bytes = 0;
  #running: Promise<T> | undefined;
  /** The call that follows the running one. */
  #next: Promise<T> | undefined;

  constructor(private readonly call: () => Promise<T>) {}

  /** Waits for the running call, or starts one. `bytes` is the size of the body that waits. */
  join(bytes: number, call: () => Promise<T> = this.call): Promise<T> {
    return this.#wait(bytes, () => this.#running ?? this.#begin(call));
  }

  /** Waits for the running call, if there is one. */
  joinRunning(bytes: number): Promise<T> | undefined {
    const running = this.#running;
    return running && this.#wait(bytes, () => running);
  }

  /** Waits for a call that starts now or after the running one, which may have started too early. */
  joinNext(bytes: number): Promise<T> {
    return this.#wait(bytes, () => {
      if (this.#running === undefined) return this.#begin();
      const begin = (): Promise<T> => {
        this.#next = undefined;
        return this.#running ?? this.#begin();
      };
      this.#next ??= this.#running.then(begin, begin);
      return this.#next;
    });
  }

  #begin(call = this.call): Promise<T> {
    this.#backoff.check();
    this.#running = this.#run(call);
    return this.#running;
  }

  async #run(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.#backoff.succeed();
      return result;
    } catch (thrown) {
      return this.#backoff.fail(thrown);
    } finally {
      this.#running = undefined;
    }
  }

  async #wait(bytes: number, start: () => Promise<T>): Promise<T> {
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
