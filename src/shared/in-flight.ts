import { LONGEST_DELAY_MS, type MaybePromise } from './promises.js';

/** Counts what is under way, so that a shutdown can wait for it. */
export class Drain {
  #active = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;

  /** Whether nothing new is taken. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Something begins that a shutdown waits for, until `leave()` is called for it. */
  enter(): void {
    this.#active++;
  }

  leave(): void {
    this.#active--;
    if (this.#active === 0) this.#onIdle?.();
  }

  /** Runs something that a shutdown waits for, however it ends. */
  async track<T>(run: () => MaybePromise<T>): Promise<T> {
    this.enter();
    try {
      return await run();
    } finally {
      this.leave();
    }
  }

  /** Takes nothing more. Resolves to whether all that was under way ended within `ms`. */
  async close(ms: number): Promise<boolean> {
    this.#closed = true;
    if (this.#active === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.min(ms, LONGEST_DELAY_MS));
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
