import { type Delivery, VerifiedDelivery } from '../delivery/delivery.js';
import { AcceptedOutcome, FailedOutcome } from '../delivery/outcome.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import type { Observers } from '../instrumentation/hooks.js';
import type { LifecycleEmitter } from '../instrumentation/lifecycle.js';
import { HandlerError } from '../shared/errors.js';
import { isPromised, type MaybePromise } from '../shared/promises.js';
import { contain } from '../shared/run-safely.js';
import { type Settled, unsettled } from './completed.js';
import { HandlerRun, type RunObserver } from './handler-run.js';
import { HandlerRegistry, type Match } from './registry.js';

/** A handler as it is kept; its event type is sharpened where it is registered. */
export type AnyHandler = (event: AnyCakemailEvent, delivery: Delivery) => unknown;

/** Told every failure of a handler, late ones too. */
export type ErrorHandler = (error: Error, delivery: Delivery) => unknown;

type Run = HandlerRun<AnyCakemailEvent, VerifiedDelivery>;
type Ended = AcceptedOutcome | FailedOutcome;

/** Hands deliveries to their handlers and says what became of them. */
export class Dispatcher {
  readonly handlers = new HandlerRegistry<AnyHandler>();
  readonly #running = new Set<Run>();
  readonly #observer: RunObserver<AnyCakemailEvent, VerifiedDelivery> = {
    failed: (error, _event, delivery) => this.#tell(error, delivery),
    failedLate: (error, event, delivery) => {
      this.#tell(error, delivery);
      this.events.emit('late', { event, delivery, error });
    },
    expired: (reason, _event, delivery) => VerifiedDelivery.abort(delivery, reason),
  };
  #errorHandlers: readonly ErrorHandler[] = [];
  #gaveUp = false;

  constructor(
    private readonly timeoutMs: number,
    private readonly events: LifecycleEmitter,
    /** Told what the error handlers themselves throw. */
    private readonly report: (error: Error) => void,
    private readonly observers: Observers,
  ) {}

  /** Registers an error handler; the returned function takes it back. */
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
   * Runs the handlers of an event, but for those that are settled; those that settle now are added. `name` is the event's
   * verified name: handlers may change `event` itself. Neither throws nor rejects.
   */
  dispatch(
    event: AnyCakemailEvent,
    delivery: VerifiedDelivery,
    settled?: Settled,
    name: string = event.event,
  ): MaybePromise<Ended> {
    const startedAt = performance.now();
    const { named, handlers } = this.#due(name, delivery, settled);
    const run: Run = new HandlerRun(event, delivery, this.timeoutMs, this.#observer);
    const errors = run.start(handlers);
    const conclude = (errors: readonly Error[]): Ended => {
      this.#running.delete(run);
      return this.#conclude(errors, named, performance.now() - startedAt, event, delivery, name);
    };
    if (!isPromised(errors)) return conclude(errors);
    this.#running.add(run);
    return errors.then(conclude);
  }

  #due(name: string, delivery: Delivery, settled: Settled | undefined): Match<AnyHandler> {
    const { observers } = this;
    if (observers.isEmpty && settled === undefined) return this.handlers.take(name);
    const { named, handlers } = this.handlers.takeKeyed(name);
    const due = settled === undefined ? handlers : handlers.filter(({ key }) => !settled.has(key));
    const watched = due.map((keyed) => ({ ...keyed, handler: observers.watch(keyed, name, delivery) }));
    return settled === undefined
      ? { named, handlers: watched.map(({ handler }) => handler) }
      : unsettled({ named, handlers: watched }, settled);
  }

  #conclude(
    errors: readonly Error[],
    named: boolean,
    durationMs: number,
    event: AnyCakemailEvent,
    delivery: VerifiedDelivery,
    name: string,
  ): Ended {
    if (errors.length > 0) {
      const error = new HandlerError(errors);
      this.events.emit('failed', { event, delivery, error, durationMs });
      return new FailedOutcome(error, event, delivery, name);
    }
    const kind = named ? 'handled' : 'unhandled';
    this.events.emit(kind, { event, delivery, durationMs });
    return new AcceptedOutcome(kind, event, delivery);
  }

  /** Whether no handler is started any more. */
  get gaveUp(): boolean {
    return this.#gaveUp;
  }

  /** Gives up every delivery that still runs, and starts no other. */
  giveUp(reason: Error): void {
    this.#gaveUp = true;
    for (const run of this.#running) run.expire(reason);
  }

  #tell(error: Error, delivery: Delivery): void {
    for (const handler of this.#errorHandlers) contain(() => handler(error, delivery), this.report);
  }
}
