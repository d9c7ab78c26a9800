import { toError } from '../shared/error-text.js';

interface PendingItem<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: Error) => void;
}

/** Collects the items that are added during one turn of the event loop, and processes them together. */
export class Batcher<T, R> {
  #pending: PendingItem<T, R>[] = [];

  /** `process` returns one result per item, in the same order. If it fails, every item of the batch fails. */
  constructor(private readonly process: (items: readonly T[]) => Promise<readonly R[]>) {}

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ item, resolve, reject });
      if (this.#pending.length === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    try {
      const results = await this.process(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
    } catch (thrown) {
      for (const { reject } of batch) reject(toError(thrown));
    }
  }
}
