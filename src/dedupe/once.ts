import { toError } from '../errors.js';
import { within } from '../time.js';
import type { DedupeStore } from './store.js';

export type OnceResult<T> =
  | { readonly state: 'ran' | 'joined'; readonly result: T }
  | { readonly state: 'finished' }
  | { readonly state: 'running' }
  | { readonly state: 'unavailable'; readonly cause: Error };

/** Runs each delivery once: duplicates of a running one join it, duplicates of a finished one are told so. */
export class Once<T> {
  readonly #running = new Map<string, Promise<OnceResult<T>>>();

  constructor(
    private readonly store: DedupeStore,
    private readonly timeoutMs: number,
    /** Told when the outcome of an execution could not be recorded: it is done, but may run again. */
    private readonly onUnrecorded: (error: Error, id: string) => void,
  ) {}

  /** `isDone` tells whether a result counts: if not, the next delivery of the same bytes runs again. */
  async run(
    id: string,
    execute: (attempt: number) => Promise<T>,
    isDone: (result: T) => boolean,
  ): Promise<OnceResult<T>> {
    const running = this.#running.get(id);
    if (running !== undefined) {
      const shared = await running;
      return shared.state === 'ran' ? { state: 'joined', result: shared.result } : shared;
    }
    const started = this.#start(id, execute, isDone);
    this.#running.set(id, started);
    try {
      return await started;
    } finally {
      this.#running.delete(id);
    }
  }

  async #start(
    id: string,
    execute: (attempt: number) => Promise<T>,
    isDone: (result: T) => boolean,
  ): Promise<OnceResult<T>> {
    let attempt: number;
    try {
      const reservation = await this.#ask('reserve', () => this.store.reserve(id));
      if (reservation.state === 'finished' || reservation.state === 'running') return { state: reservation.state };
      if (reservation.state !== 'reserved') throw new TypeError('reserve() gave no known state');
      attempt = reservation.attempt ?? 1;
    } catch (error) {
      return { state: 'unavailable', cause: toError(error) };
    }

    let done = false;
    try {
      const result = await execute(attempt);
      done = isDone(result);
      return { state: 'ran', result };
    } finally {
      await this.#record(id, done);
    }
  }

  async #record(id: string, done: boolean): Promise<void> {
    try {
      if (done) await this.#ask('finish', () => this.store.finish(id));
      else await this.#ask('release', () => this.store.release(id));
    } catch (error) {
      this.onUnrecorded(toError(error), id);
    }
  }

  #ask<R>(method: string, call: () => R | PromiseLike<R>): Promise<R> {
    const overdue = (): Error => new Error(`The dedupe store's ${method}() gave nothing within ${this.timeoutMs} ms`);
    return within(this.timeoutMs, call, overdue);
  }
}
