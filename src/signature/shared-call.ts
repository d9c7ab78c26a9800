import { Backoff, SourceNotCalled } from './backoff.js';

const MAX_REQUESTS = 1_000;
const MAX_BYTES = 32 * 1024 * 1024;

/** Thrown for a request that may not wait, because too many wait already. */
export class TooManyWaiting extends SourceNotCalled {
  override readonly name = 'TooManyWaiting';
}

/**
 * A call that all requests share which wait for its result: one at a time, after a failure only after a delay. The requests
 * that wait are bounded, because each keeps its unverified body in memory.
 */
export class SharedCall<T> {
  readonly #backoff = new Backoff();
  #requests = 0;
  #bytes = 0;
  #running: Promise<T> | undefined;
  /** The call that follows the running one. */
  #next: Promise<T> | undefined;

  constructor(private readonly call: () => Promise<T>) {}

  /** The result of the running call, or of a new one. `bytes` is the size of the body that waits. */
  join(bytes: number): Promise<T> {
    return this.#wait(bytes, () => this.#running ?? this.#begin());
  }

  /** The result of the running call, if there is one. */
  joinRunning(bytes: number): Promise<T> | undefined {
    const running = this.#running;
    return running && this.#wait(bytes, () => running);
  }

  /** The result of a call that begins now or later, because a running one may have begun too early. */
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

  #begin(): Promise<T> {
    this.#backoff.check();
    this.#running = this.#run();
    return this.#running;
  }

  async #run(): Promise<T> {
    try {
      const result = await this.call();
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
