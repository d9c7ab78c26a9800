import type { Awaitable } from '../shared/promises.js';

/** The answer of a store to a delivery that is about to run. */
export type Reservation =
  /**
   * The delivery may run. `attempt` counts the attempts for the same bytes, and defaults to 1. `token` is passed back to
   * `finish` and `release`, so that a store can ignore the owner of an expired claim.
   */
  | { readonly state: 'reserved'; readonly attempt?: number; readonly token?: unknown }
  /** Another process is running it. The response is 409 with Retry-After. */
  | { readonly state: 'running' }
  /** It was handled before. The response is 200, and no handler runs. */
  | { readonly state: 'finished' };

/**
 * Remembers deliveries, so that each runs once. The default store is in memory; implement this interface to share one
 * between processes. Every method may throw or reject. When `reserve` does, the response is 503 and no handler runs.
 */
export interface DedupeStore {
  /** Claims a delivery atomically. The claim should expire some time after the handlers' time limit. */
  reserve(id: string): Awaitable<Reservation>;
  /** Called when the handlers succeeded. The delivery is `finished` from now on. */
  finish(id: string, token?: unknown): Awaitable<unknown>;
  /** Called when a handler failed. The same bytes may run again. */
  release(id: string, token?: unknown): Awaitable<unknown>;
}
