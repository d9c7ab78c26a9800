// Not the global one, which tests replace.
import { setImmediate } from 'node:timers';
import { toError } from '../shared/errors.js';

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: Error) => void;
}

/** Gathers what comes in one turn of the event loop, and hands it on together: one commit instead of many. */
export class Batch<T, R> {
  #waiting: Waiting<T, R>[] = [];

  /** `handOn` gives one result an item, in the same order. When it fails, all of its items do. */
  constructor(private readonly handOn: (items: readonly T[]) => Promise<readonly R[]>) {}

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      const results = await this.handOn(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
    } catch (thrown) {
      for (const { reject } of batch) reject(toError(thrown));
    }
  }
}
