import { after, attempt, isPromised, isPromiseLike, type MaybePromise, within } from '../shared/promises.js';
import type { DedupeStore, Reservation } from './store.js';

export type OnceResult<T> =
  | { readonly state: 'ran' | 'joined'; readonly result: T }
  | { readonly state: 'finished' }
  | { readonly state: 'running' }
  | { readonly state: 'unavailable'; readonly cause: Error };

type Claim = Extract<Reservation, { state: 'reserved' }>;

export interface OnceOptions<T> {
  /** Milliseconds for the store to answer. */
  readonly timeoutMs: number;
  /** Whether a result counts: if not, the next delivery of the same bytes runs again. */
  readonly isDone: (result: T) => boolean;
  /** Told when the store could not record how an execution ended: it is over, but may run again. */
  readonly onUnrecorded: (error: Error, id: string) => void;
}

/** Runs each delivery once: duplicates of a running one join it, duplicates of a finished one are told so. */
export class Once<T> {
  readonly #running = new Map<string, Promise<OnceResult<T>>>();

  constructor(
    private readonly store: DedupeStore,
    private readonly options: OnceOptions<T>,
  ) {}

  run(id: string, execute: (attempt: number) => MaybePromise<T>): MaybePromise<OnceResult<T>> {
    const running = this.#running.get(id);
    if (running !== undefined) return running.then(joined);
    const started = this.#start(id, execute);
    if (isPromised(started)) this.#keepWhileRunning(id, started);
    return started;
  }

  #keepWhileRunning(id: string, started: Promise<OnceResult<T>>): void {
    const forget = (): boolean => this.#running.delete(id);
    this.#running.set(id, started);
    started.then(forget, forget);
  }

  #start(id: string, execute: (attempt: number) => MaybePromise<T>): MaybePromise<OnceResult<T>> {
    return attempt(
      () => after(this.#reserve(id), checkReservation),
      (claim) => (claim.state === 'reserved' ? this.#execute(id, claim, execute) : claim),
      (cause) => ({ state: 'unavailable', cause }),
    );
  }

  #execute(id: string, claim: Claim, execute: (attempt: number) => MaybePromise<T>): MaybePromise<OnceResult<T>> {
    return attempt(
      () => execute(claim.attempt ?? 1),
      (result) => after(this.#record(id, claim, this.options.isDone(result)), () => ({ state: 'ran', result })),
      (error) => after(this.#record(id, claim, false), () => Promise.reject(error)),
    );
  }

  #reserve(id: string): MaybePromise<Reservation> {
    let late = false;
    const asked = this.store.reserve(id);
    if (!isPromiseLike(asked)) return asked;
    // A claim that comes after we stopped waiting is given back, or every retry would find it running.
    const watched = Promise.resolve(asked).then((reservation) => {
      if (late && reservation?.state === 'reserved') void this.#record(id, reservation, false);
      return reservation;
    });
    return within(this.options.timeoutMs, watched, () => {
      late = true;
      return this.#overdue('reserve');
    });
  }

  #record(id: string, { token }: Claim, done: boolean): MaybePromise<unknown> {
    const method = done ? 'finish' : 'release';
    return attempt(
      () => within(this.options.timeoutMs, this.store[method](id, token), () => this.#overdue(method)),
      () => {},
      (error) => this.options.onUnrecorded(error, id),
    );
  }

  #overdue(method: string): Error {
    return new Error(`The dedupe store's ${method}() gave nothing within ${this.options.timeoutMs} ms`);
  }
}

function joined<T>(shared: OnceResult<T>): OnceResult<T> {
  return shared.state === 'ran' ? { state: 'joined', result: shared.result } : shared;
}

/** What a store of the user's gives may be anything. */
function checkReservation(given: Reservation): Reservation {
  if (given.state === 'finished' || given.state === 'running' || isClaim(given)) return given;
  throw new TypeError("The dedupe store's reserve() gave no reservation");
}

function isClaim({ state, attempt = 1 }: Claim): boolean {
  return state === 'reserved' && Number.isInteger(attempt) && attempt > 0;
}
