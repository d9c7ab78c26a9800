import { type Awaitable, LONGEST_DELAY_MS } from './promises.js';

/** Counts the work in flight, so that a shutdown can wait for it. */
export class InFlight {
  #count = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  /** True when no new work may begin. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs work that a shutdown waits for. */
  async track<T>(run: () => Awaitable<T>): Promise<T> {
    this.#count++;
    try {
      return await run();
    } finally {
      this.#count--;
      if (this.#count === 0) this.#onIdle?.();
    }
  }

  /** Refuses new work, and resolves to true when all work in flight ended within `ms`. */
  async close(ms: number): Promise<boolean> {
    this.#isClosed = true;
    if (this.#count === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.min(ms, LONGEST_DELAY_MS));
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
