import { toError } from '../errors.js';
import { type Awaitable, isPromiseLike, within } from '../time.js';
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

  async run(id: string, execute: (attempt: number) => Promise<T>): Promise<OnceResult<T>> {
    const running = this.#running.get(id);
    if (running !== undefined) {
      const shared = await running;
      return shared.state === 'ran' ? { state: 'joined', result: shared.result } : shared;
    }
    const started = this.#start(id, execute);
    this.#running.set(id, started);
    try {
      return await started;
    } finally {
      this.#running.delete(id);
    }
  }

  async #start(id: string, execute: (attempt: number) => Promise<T>): Promise<OnceResult<T>> {
    let claim: Claim;
    try {
      const reservation = await this.#reserve(id);
      if (reservation.state === 'finished' || reservation.state === 'running') return { state: reservation.state };
      if (!isClaim(reservation)) throw new TypeError("The dedupe store's reserve() gave no reservation");
      claim = reservation;
    } catch (error) {
      return { state: 'unavailable', cause: toError(error) };
    }

    let done = false;
    try {
      const result = await execute(claim.attempt ?? 1);
      done = this.options.isDone(result);
      return { state: 'ran', result };
    } finally {
      await this.#record(id, claim, done);
    }
  }

  async #reserve(id: string): Promise<Reservation> {
    let late = false;
    const asked = this.store.reserve(id);
    if (!isPromiseLike(asked)) return asked;
    // A claim that comes after we stopped waiting is given back, or every retry would find it running.
    const watched = Promise.resolve(asked).then((reservation) => {
      if (late && reservation?.state === 'reserved') void this.#record(id, reservation, false);
      return reservation;
    });
    return within(
      this.options.timeoutMs,
      () => watched,
      () => {
        late = true;
        return this.#overdue('reserve');
      },
    );
  }

  async #record(id: string, { token }: Claim, done: boolean): Promise<void> {
    try {
      if (done) await this.#ask('finish', () => this.store.finish(id, token));
      else await this.#ask('release', () => this.store.release(id, token));
    } catch (error) {
      this.options.onUnrecorded(toError(error), id);
    }
  }

  #ask(method: string, call: () => Awaitable<unknown>): Promise<unknown> {
    return within(this.options.timeoutMs, call, () => this.#overdue(method));
  }

  #overdue(method: string): Error {
    return new Error(`The dedupe store's ${method}() gave nothing within ${this.options.timeoutMs} ms`);
  }
}

/** What a store of the user's gives may be anything. */
function isClaim({ state, attempt = 1 }: Claim): boolean {
  return state === 'reserved' && Number.isInteger(attempt) && attempt > 0;
}
