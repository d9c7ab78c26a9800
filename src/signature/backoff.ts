import { readText, toError } from '../shared/error-text.js';

/** Thrown when the source was not called, so newer keys may exist. */
export class SourceNotCalled extends Error {
  override readonly name: string = 'SourceNotCalled';
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 30_000;

/**
 * Delays the next call after a failure, so that requests do not each call a source that is down. The delay is 100 ms after
 * the first failure, doubles with each further one up to 30 s, and is reset by a success.
 */
export class Backoff {
  #failure: { readonly error: Error; readonly delayMs: number; readonly until: number } | undefined;

  /** Throws SourceNotCalled with the last failure during its delay. */
  check(): void {
    if (this.#failure === undefined || performance.now() >= this.#failure.until) return;
    const { error } = this.#failure;
    throw new SourceNotCalled(readText(error, 'message'), { cause: error });
  }

  succeed(): void {
    this.#failure = undefined;
  }

  /** Starts the next delay and throws the failure. */
  fail(thrown: unknown): never {
    const delayMs = Math.min(
      this.#failure === undefined ? FIRST_DELAY_MS : this.#failure.delayMs * 2,
      LONGEST_DELAY_MS,
    );
    const error = toError(thrown);
    this.#failure = { error, delayMs, until: performance.now() + delayMs };
    throw error;
  }
}
