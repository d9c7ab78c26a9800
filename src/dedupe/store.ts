import type { Awaitable } from '../shared/promises.js';

/** What a store says to a delivery that wants to run. */
export type Reservation =
  /**
   * It may run. `attempt` counts the tries of the same bytes; 1 unless told. `token` is whatever the store wants back in
   * `finish` and `release`, to tell the owner of a claim that lapsed from the owner of the present one.
   */
  | { readonly state: 'reserved'; readonly attempt?: number; readonly token?: unknown }
  /** Another process runs it now: it is answered 409 with Retry-After. */
  | { readonly state: 'running' }
  /** It was handled: it is answered 200 and does not run. */
  | { readonly state: 'finished' };

/**
 * Remembers deliveries, so that each is executed once. The default lives in memory; implement this to share it between
 * processes. Every method may throw or reject: a delivery that cannot be reserved is answered 503 and not run.
 */
export interface DedupeStore {
  /** Claims a delivery, atomically. Let the claim lapse by itself some time after the handlers' time limit. */
  reserve(id: string): Awaitable<Reservation>;
  /** The handlers succeeded: from now on it is `finished`. */
  finish(id: string, token?: unknown): Awaitable<unknown>;
  /** A handler failed: the next one of the same bytes may run. */
  release(id: string, token?: unknown): Awaitable<unknown>;
}
