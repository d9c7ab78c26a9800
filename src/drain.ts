import { LONGEST_DELAY_MS } from './time.js';

/** Counts what is under way, so that a shutdown can wait for it. */
export class Drain {
  #active = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;

  /** Whether nothing new is taken. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Runs something that a shutdown waits for. */
  async track<T>(work: () => Promise<T>): Promise<T> {
    this.#active++;
    try {
      return await work();
    } finally {
      this.#active--;
      if (this.#active === 0) this.#onIdle?.();
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
