import { toError, WebhookError } from '../errors.js';
import { isPromiseLike } from '../time.js';

/** What a run tells while it goes on. None of these may throw. */
export interface RunObserver {
  /** A handler failed, or ran out of time. */
  failed(error: Error): void;
  /** A handler failed after the run had been given up. */
  failedLate(error: Error): void;
  /** The run is given up: tell the handlers to stop. */
  expired(reason: Error): void;
}

/**
 * One delivery's handlers, side by side and each awaited: one that throws, rejects or never settles keeps no sibling
 * from running.
 */
export class HandlerRun<A extends readonly unknown[]> {
  readonly #failures = new Map<number, Error>();
  readonly #pending = new Set<number>();
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #settle: (errors: readonly Error[]) => void = () => {};

  constructor(
    private readonly timeoutMs: number,
    private readonly observer: RunObserver,
  ) {}

  /** Calls the handlers, in order. Resolves to one error a failed handler, in that order; never rejects. */
  start(handlers: readonly ((...args: A) => unknown)[], ...args: A): Promise<readonly Error[]> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      handlers.forEach((handler, index) => {
        try {
          const result = handler(...args);
          if (isPromiseLike(result)) this.#await(result, index);
        } catch (thrown) {
          this.#fail(index, toError(thrown));
        }
      });
      if (this.#pending.size === 0) this.#finish();
      else this.#timer = setTimeout(() => this.expire(timeoutError(this.timeoutMs)), this.timeoutMs);
    });
  }

  /** Stops waiting. Handlers that still run count as failed, and are reported once more if they fail later. */
  expire(reason: Error): void {
    if (this.#over) return;
    for (const index of this.#pending) this.#fail(index, reason);
    this.#finish();
    this.observer.expired(reason);
  }

  #await(result: PromiseLike<unknown>, index: number): void {
    this.#pending.add(index);
    // A new promise contains a `then` that throws or calls back twice; Promise.resolve would trust a promise's own.
    new Promise((resolve) => resolve(result)).then(
      () => this.#settled(index),
      (thrown) => this.#settled(index, toError(thrown)),
    );
  }

  #settled(index: number, error?: Error): void {
    if (this.#over) {
      if (error !== undefined) this.observer.failedLate(error);
      return;
    }
    this.#pending.delete(index);
    if (error !== undefined) this.#fail(index, error);
    if (this.#pending.size === 0) this.#finish();
  }

  #fail(index: number, error: Error): void {
    this.#failures.set(index, error);
    this.observer.failed(error);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    const inOrder = [...this.#failures].sort(([a], [b]) => a - b);
    this.#settle(inOrder.map(([, error]) => error));
  }
}

function timeoutError(ms: number): WebhookError {
  return new WebhookError('ERR_HANDLER_TIMEOUT', { message: `A handler did not finish within ${ms} ms.` });
}
