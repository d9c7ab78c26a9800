import type { Delivery } from '../delivery/delivery.js';
import { AcceptedOutcome, type Outcome, RejectedOutcome } from '../delivery/outcome.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import { toError } from '../shared/error-text.js';
import { isPromise, isPromiseLike, withTimeout } from '../shared/promises.js';
import type { DedupeStore, Reservation } from './store.js';

type Claim = Extract<Reservation, { state: 'reserved' }>;

export interface DeduplicatorOptions {
  /** Limit in milliseconds for each call of the store. */
  readonly timeoutMs: number;
  /** Called for a duplicate. `joined` is true when it shares the outcome of a delivery that was still running. */
  readonly onDuplicate: (event: AnyCakemailEvent, delivery: Delivery, joined: boolean) => void;
  /** Called when the store could not record the result of a delivery, which may therefore run again. */
  readonly onUnrecorded: (error: Error, id: string) => void;
}

/** Runs each delivery once. The duplicate of a running delivery shares its outcome; that of a finished one does not run. */
export class Deduplicator {
  readonly #running = new Map<string, Promise<Outcome>>();

  constructor(
    private readonly store: DedupeStore,
    private readonly options: DeduplicatorOptions,
  ) {}

  /** Rejects only when `execute` does. */
  run(
    event: AnyCakemailEvent,
    delivery: Delivery,
    execute: (attempt: number) => Outcome | Promise<Outcome>,
  ): Promise<Outcome> {
    const { id } = delivery;
    const running = this.#running.get(id);
    if (running !== undefined) return this.#join(running, event, delivery);
    const started = this.#start(event, delivery, execute);
    const forget = (): boolean => this.#running.delete(id);
    this.#running.set(id, started);
    started.then(forget, forget);
    return started;
  }

  async #join(running: Promise<Outcome>, event: AnyCakemailEvent, delivery: Delivery): Promise<Outcome> {
    const outcome = await running;
    if (outcome.kind === 'rejected') return outcome;
    if (outcome.kind === 'duplicate') return this.#duplicate(event, delivery);
    this.options.onDuplicate(event, delivery, true);
    return outcome;
  }

  async #start(
    event: AnyCakemailEvent,
    delivery: Delivery,
    execute: (attempt: number) => Outcome | Promise<Outcome>,
  ): Promise<Outcome> {
    const { id, eventName } = delivery;
    let reservation: Reservation;
    try {
      const reserving = this.#reserve(id);
      reservation = checkReservation(isPromise(reserving) ? await reserving : reserving);
    } catch (thrown) {
      return new RejectedOutcome('dedupe_unavailable', { eventName, cause: toError(thrown) });
    }
    if (reservation.state === 'finished') return this.#duplicate(event, delivery);
    if (reservation.state === 'running') return new RejectedOutcome('running_elsewhere', { eventName });

    let isDone = false;
    try {
      const executing = execute(reservation.attempt ?? 1);
      const outcome = isPromise(executing) ? await executing : executing;
      isDone = outcome instanceof AcceptedOutcome;
      return outcome;
    } finally {
      const recording = this.#record(id, reservation, isDone);
      if (isPromise(recording)) await recording;
    }
  }

  #duplicate(event: AnyCakemailEvent, delivery: Delivery): Outcome {
    this.options.onDuplicate(event, delivery, false);
    return new AcceptedOutcome('duplicate', event, delivery);
  }

  #reserve(id: string): Reservation | Promise<Reservation> {
    const reserving = this.store.reserve(id);
    return isPromiseLike(reserving) ? this.#waitForReservation(id, reserving) : reserving;
  }

  async #waitForReservation(id: string, reserving: PromiseLike<Reservation>): Promise<Reservation> {
    let isLate = false;
    // A claim that arrives too late is released, because it would otherwise block every retry.
    const watched = Promise.resolve(reserving).then((reservation) => {
      if (isLate && reservation?.state === 'reserved') void this.#record(id, reservation, false);
      return reservation;
    });
    return withTimeout(this.options.timeoutMs, watched, () => {
      isLate = true;
      return this.#timeoutError('reserve');
    });
  }

  /** Never throws or rejects. */
  #record(id: string, { token }: Claim, isDone: boolean): void | Promise<void> {
    const method = isDone ? 'finish' : 'release';
    const failed = (thrown: unknown): void => this.options.onUnrecorded(toError(thrown), id);
    try {
      const recording = this.store[method](id, token);
      if (!isPromiseLike(recording)) return;
      const late = (): Error => this.#timeoutError(method);
      return withTimeout(this.options.timeoutMs, recording, late).then(() => {}, failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  #timeoutError(method: string): Error {
    return new Error(`The dedupe store's ${method}() returned nothing within ${this.options.timeoutMs} ms`);
  }
}

/** A store of the application may return anything. */
function checkReservation(given: Reservation): Reservation {
  if (given.state === 'finished' || given.state === 'running' || isClaim(given)) return given;
  throw new TypeError("The dedupe store's reserve() did not return a reservation");
}

function isClaim({ state, attempt = 1 }: Claim): boolean {
  return state === 'reserved' && Number.isInteger(attempt) && attempt > 0;
}
