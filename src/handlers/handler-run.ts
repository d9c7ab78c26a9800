import { toError, WebhookError } from '../shared/errors.js';
import { isPromiseLike, type MaybePromise } from '../shared/promises.js';

/** What a run tells while it goes on. None of these may throw. */
export interface RunObserver<E, D> {
  /** A handler failed, or ran out of time. */
  failed(error: Error, event: E, delivery: D): void;
  /** A handler failed after the run had been given up. */
  failedLate(error: Error, event: E, delivery: D): void;
  /** The run is given up: tell the handlers to stop. */
  expired(reason: Error, event: E, delivery: D): void;
}

/**
 * One delivery's handlers, side by side and each awaited: one that throws, rejects or never settles keeps no sibling
 * from running.
 */
export class HandlerRun<E, D> {
  /** By the handler's index; where none failed there is a hole. */
  readonly #failures: Error[] = [];
  #pending: Set<number> | undefined;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #settle: (errors: readonly Error[]) => void = () => {};

  constructor(
    private readonly event: E,
    private readonly delivery: D,
    private readonly timeoutMs: number,
    private readonly observer: RunObserver<E, D>,
  ) {}

  /** Calls the handlers, in order. Gives one error a failed handler, in that order; never rejects. */
  start(handlers: readonly ((event: E, delivery: D) => unknown)[]): MaybePromise<readonly Error[]> {
    for (const [index, handler] of handlers.entries()) {
      try {
        const result = handler(this.event, this.delivery);
        if (isPromiseLike(result)) this.#await(result, index);
      } catch (thrown) {
        this.#fail(index, toError(thrown));
      }
    }
    if (this.#pending === undefined) return this.#finish();
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#timer = setTimeout(() => this.expire(timeoutError(this.timeoutMs)), this.timeoutMs);
    });
  }

  /** Stops waiting. Handlers that still run count as failed, and are reported once more if they fail later. */
  expire(reason: Error): void {
    if (this.#over) return;
    for (const index of this.#pending ?? []) this.#fail(index, reason);
    this.#finish();
    this.observer.expired(reason, this.event, this.delivery);
  }

  #await(result: PromiseLike<unknown>, index: number): void {
    this.#pending ??= new Set();
    this.#pending.add(index);
    // A new promise contains a `then` that throws or calls back twice; Promise.resolve would trust a promise's own.
    new Promise((resolve) => resolve(result)).then(
      () => this.#settled(index),
      (thrown) => this.#settled(index, toError(thrown)),
    );
  }

  #settled(index: number, error?: Error): void {
    if (this.#over) {
      if (error !== undefined) this.observer.failedLate(error, this.event, this.delivery);
      return;
    }
    this.#pending?.delete(index);
    if (error !== undefined) this.#fail(index, error);
    if (this.#pending?.size === 0) this.#finish();
  }

  #fail(index: number, error: Error): void {
    this.#failures[index] = error;
    this.observer.failed(error, this.event, this.delivery);
  }

  #finish(): readonly Error[] {
    this.#over = true;
    clearTimeout(this.#timer);
    const inOrder = this.#failures.filter(() => true); // leaves out the holes
    this.#settle(inOrder);
    return inOrder;
  }
}

function timeoutError(ms: number): WebhookError {
  return new WebhookError('ERR_HANDLER_TIMEOUT', { message: `A handler did not finish within ${ms} ms.` });
}
