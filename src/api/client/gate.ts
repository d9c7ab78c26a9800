import { pause } from '../../shared/abort-signals.js';

/** Holds back the calls of a client until the time that the API asked for with Retry-After. */
export class Gate {
  #until = 0;
  #opensAt = new Date(0);

  /** The API asked for a pause. The longest one counts. Gives the time at which it ends. */
  close(ms: number): Date {
    const until = performance.now() + ms;
    if (until > this.#until) {
      this.#until = until;
      this.#opensAt = new Date(Date.now() + ms);
    }
    return this.#opensAt;
  }

  /** Waits until calls may be made. Gives the time at which that is instead when it is more than `mostMs` away. */
  async pass(mostMs: number, signal: AbortSignal | undefined): Promise<Date | undefined> {
    // Once more after a pause: a timer may be early, and the API may have asked for a longer one.
    for (;;) {
      const left = this.#until - performance.now();
      if (left <= 0) return undefined;
      if (left > mostMs) return this.#opensAt;
      await pause(Math.ceil(left), signal);
    }
  }
}
