import type { VerifiedDelivery } from '../delivery/delivery.js';
import type { CompletedHandlers } from '../delivery/stored-delivery.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import type { HandlerCall, Hooks } from '../instrumentation/hooks.js';
import { toError } from '../shared/error-text.js';
import { isPermanent, WebhookError } from '../shared/errors.js';
import { isPromiseLike } from '../shared/promises.js';
import type { Registration } from './registry.js';

/** A handler as the registry stores it. The public types narrow its event. */
export type AnyHandler = (event: AnyCakemailEvent, delivery: VerifiedDelivery) => unknown;

/** Options that all runs of a dispatcher share. None of the functions may throw. */
export interface HandlerRunOptions {
  readonly timeoutMs: number;
  readonly hooks: Hooks;
  /** Called for each failure. `isLate` is true after the run was aborted. */
  readonly onFailure: (error: Error, event: AnyCakemailEvent, delivery: VerifiedDelivery, isLate: boolean) => void;
  /** Called when the run is aborted, to abort the handlers' signal. */
  readonly onAbort: (reason: Error, delivery: VerifiedDelivery) => void;
}

/** One run of the handlers of a delivery. They run concurrently, and each is awaited, even when another one fails. */
export class HandlerRun {
  /** By the index of the handler. A handler that did not fail leaves a hole. */
  readonly #failures: Error[] = [];
  #pending: Set<number> | undefined;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #resolve: (errors: readonly Error[]) => void = () => {};

  constructor(
    private readonly event: AnyCakemailEvent,
    private readonly delivery: VerifiedDelivery,
    /** Receives the handlers with an id that succeed or fail permanently. */
    private readonly completed: CompletedHandlers | undefined,
    private readonly options: HandlerRunOptions,
  ) {}

  /**
   * Calls the handlers in order. Returns one error per failed handler, in the same order, and a promise only when a handler
   * is asynchronous. Never rejects.
   */
  start(registrations: readonly Registration<AnyHandler>[]): readonly Error[] | Promise<readonly Error[]> {
    for (const [index, registration] of registrations.entries()) this.#call(index, registration);
    if (this.#pending === undefined) return this.#finish();
    const { timeoutMs } = this.options;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#timer = setTimeout(() => this.abort(timeoutError(timeoutMs)), timeoutMs);
    });
  }

  /** Stops waiting. Handlers that still run count as failed, and are reported again if they fail later. */
  abort(reason: Error): void {
    if (this.#isOver) return;
    for (const index of this.#pending ?? []) this.#fail(index, reason);
    this.#finish();
    this.options.onAbort(reason, this.delivery);
  }

  #call(index: number, registration: Registration<AnyHandler>): void {
    const { hooks } = this.options;
    const call = hooks.followsHandlers ? { handler: registration.label, delivery: this.delivery } : undefined;
    if (call !== undefined) hooks.handlerStarted(call);
    try {
      const result = registration.handler(this.event, this.delivery);
      if (isPromiseLike(result)) this.#await(result, index, registration, call);
      else this.#end(index, registration, call);
    } catch (thrown) {
      this.#end(index, registration, call, toError(thrown));
    }
  }

  #await(
    result: PromiseLike<unknown>,
    index: number,
    registration: Registration<AnyHandler>,
    call: HandlerCall | undefined,
  ): void {
    this.#pending ??= new Set();
    this.#pending.add(index);
    // A new promise guards against a `then` that throws or calls back twice. Promise.resolve would trust it.
    new Promise((resolve) => resolve(result)).then(
      () => this.#end(index, registration, call),
      (thrown) => this.#end(index, registration, call, toError(thrown)),
    );
  }

  #end(index: number, { id }: Registration<AnyHandler>, call: HandlerCall | undefined, error?: Error): void {
    const { hooks, onFailure } = this.options;
    if (call !== undefined) hooks.handlerEnded(call, error);
    if (this.#isOver) {
      if (error !== undefined) onFailure(error, this.event, this.delivery, true);
      return;
    }
    this.#pending?.delete(index);
    if (error !== undefined) this.#fail(index, error);
    if (id !== undefined && (error === undefined || isPermanent(error))) {
      this.completed?.set(id, error === undefined ? 'succeeded' : 'failed');
    }
    if (this.#pending?.size === 0) this.#finish();
  }

  #fail(index: number, error: Error): void {
    this.#failures[index] = error;
    this.options.onFailure(error, this.event, this.delivery, false);
  }

  #finish(): readonly Error[] {
    this.#isOver = true;
    clearTimeout(this.#timer);
    const inOrder = this.#failures.filter(() => true); // skips the holes
    this.#resolve(inOrder);
    return inOrder;
  }
}

function timeoutError(ms: number): WebhookError {
  return new WebhookError('ERR_HANDLER_TIMEOUT', { message: `A handler did not finish within ${ms} ms.` });
}
