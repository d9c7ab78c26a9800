import { pause } from '../../shared/abort-signals.js';

/** Holds back the calls of a client until the time that the API asked for with Retry-After. */
export class Gate {
  #until = 0;
  #opensAt = new Date(0);

  /** Stays closed for `ms`, or longer if an earlier Retry-After ends later. Returns the time at which it opens. */
  close(ms: number): Date {
    const until = performance.now() + ms;
    if (until > this.#until) {
      this.#until = until;
      this.#opensAt = new Date(Date.now() + ms);
    }
    return this.#opensAt;
  }

  /** Waits until calls may be made. When that takes longer than `maxMs`, it returns the opening time at once instead. */
  async pass(maxMs: number, signal: AbortSignal | undefined): Promise<Date | undefined> {
    // It checks again after a pause, because a timer may fire early and the API may have asked for a longer pause since.
    for (;;) {
      const left = this.#until - performance.now();
      if (left <= 0) return undefined;
      if (left > maxMs) return this.#opensAt;
      await pause(Math.ceil(left), signal);
    }
  }
}
