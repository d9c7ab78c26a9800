import type { Delivery } from '../delivery/delivery.js';
import { VerifiedDelivery } from '../delivery/delivery.js';
import { AcceptedOutcome, FailedOutcome, RejectedOutcome } from '../delivery/outcome.js';
import type { CompletedHandlers } from '../delivery/stored-delivery.js';
import type { ValidEvent } from '../events/validator.js';
import type { Hooks } from '../instrumentation/hooks.js';
import { HandlerError } from '../shared/errors.js';
import { isPromise } from '../shared/promises.js';
import { runSafely } from '../shared/run-safely.js';
import { type AnyHandler, HandlerRun, type HandlerRunOptions } from './handler-run.js';
import { HandlerRegistry } from './registry.js';

/** Called for every failure of a handler, also after its time limit. */
export type ErrorHandler = (error: Error, delivery: Delivery) => unknown;

export type DispatchOutcome = AcceptedOutcome | FailedOutcome | RejectedOutcome;

/** Finds and runs the handlers of deliveries. */
export class Dispatcher {
  readonly handlers = new HandlerRegistry<AnyHandler>();
  readonly #running = new Set<HandlerRun>();
  #errorHandlers: readonly ErrorHandler[] = [];
  #isAborted = false;

  readonly #runOptions: HandlerRunOptions;

  constructor(
    timeoutMs: number,
    private readonly hooks: Hooks,
    /** Called with an error that an error handler throws. */
    report: (error: Error) => void,
  ) {
    this.#runOptions = {
      timeoutMs,
      hooks,
      onFailure: (error, event, delivery, isLate) => {
        for (const handler of this.#errorHandlers) runSafely(() => handler(error, delivery), report);
        if (isLate) hooks.notify('late', { event, delivery, error });
      },
      onAbort: (reason, delivery) => VerifiedDelivery.abort(delivery, reason),
    };
  }

  /** Registers an error handler, and returns a function that removes it. */
  addErrorHandler(handler: ErrorHandler): () => void {
    const added: ErrorHandler = (error, delivery) => handler(error, delivery);
    this.#errorHandlers = [...this.#errorHandlers, added];
    return () => {
      this.#errorHandlers = this.#errorHandlers.filter((other) => other !== added);
    };
  }

  get hasErrorHandlers(): boolean {
    return this.#errorHandlers.length > 0;
  }

  /**
   * Runs the handlers of an event, except the completed ones. Returns a promise only when a handler is asynchronous. Never
   * throws or rejects.
   */
  dispatch(
    { event, drift }: ValidEvent,
    delivery: VerifiedDelivery,
    completed?: CompletedHandlers,
  ): DispatchOutcome | Promise<DispatchOutcome> {
    if (this.#isAborted) return new RejectedOutcome('closing', { eventName: delivery.eventName });
    if (drift.length > 0) this.hooks.notify('drift', { event, delivery, issues: drift });
    const startedAt = performance.now();
    const { isNamed, registrations } = this.handlers.match(delivery.eventName);
    const due = completed?.size
      ? registrations.filter(({ id }) => id === undefined || !completed.has(id))
      : registrations;
    const run = new HandlerRun(event, delivery, completed, this.#runOptions);
    const toOutcome = (errors: readonly Error[]): DispatchOutcome => {
      this.#running.delete(run);
      const durationMs = performance.now() - startedAt;
      if (errors.length > 0) {
        const error = new HandlerError(errors);
        this.hooks.notify('failed', { event, delivery, error, durationMs });
        return new FailedOutcome(error, event, delivery);
      }
      const kind = isNamed ? 'handled' : 'unhandled';
      this.hooks.notify(kind, { event, delivery, durationMs });
      return new AcceptedOutcome(kind, event, delivery);
    };
    const errors = run.start(due);
    if (!isPromise(errors)) return toOutcome(errors);
    this.#running.add(run);
    return errors.then(toOutcome);
  }

  /** Aborts the deliveries whose handlers still run, and rejects all others from now on. */
  abortAll(reason: Error): void {
    this.#isAborted = true;
    for (const run of this.#running) run.abort(reason);
  }
}
