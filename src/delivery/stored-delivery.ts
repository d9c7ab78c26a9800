import type { ErrorSummary } from '../shared/error-text.js';
import type { PlainHeaders } from '../shared/headers.js';

/** A verified delivery as an inbox stores it. It holds neither the signature nor any credential. */
export interface StoredDelivery {
  /** Hex SHA-256 of the raw bytes. */
  readonly id: string;
  /** The name of the event. */
  readonly event: string;
  /** The exact bytes that were signed. They are valid UTF-8. */
  readonly rawBody: Buffer;
  /** The request's headers without credentials, cookies and signatures. */
  readonly headers: PlainHeaders;
  readonly receivedAt: Date;
}

/**
 * The handlers of a stored delivery that need not run again, by handler id, because they succeeded or failed permanently
 * with a PermanentError.
 */
export type CompletedHandlers = Map<string, 'succeeded' | 'failed'>;

/** A stored delivery that a worker holds a lease on, so that no other worker handles it meanwhile. */
export interface LeasedDelivery extends StoredDelivery {
  /** The number of this attempt, starting at 1. */
  readonly attempt: number;
  /** The handlers that earlier attempts completed. The attempt adds those that it completes. */
  readonly completed: CompletedHandlers;
}

/** The result of one attempt to handle a stored delivery. */
export type AttemptResult =
  | { readonly state: 'handled' | 'unhandled' }
  /** Another attempt follows if any is left. */
  | { readonly state: 'failed'; readonly error: Error | ErrorSummary }
  /** No further attempt would help. */
  | { readonly state: 'dead'; readonly reason: DeadReason; readonly error: Error | ErrorSummary };

/** Why a delivery became a dead letter. */
export type DeadReason = 'attempts_exhausted' | 'permanent_error' | 'schema_mismatch' | 'not_readable';

/** Makes one attempt to handle a delivery. It never rejects. */
export type Attempt = (delivery: LeasedDelivery) => Promise<AttemptResult>;

/** The options with which a router starts the worker of its inbox. The callbacks must not throw. */
export interface WorkerOptions {
  /** The number of deliveries that are handled at the same time. */
  readonly concurrency: number;
  /**
   * Called when a delivery becomes a dead letter. `error` is the error of its last attempt, or a
   * summary where this process never held an Error object.
   */
  readonly onDeadLetter: (delivery: StoredDelivery, reason: DeadReason, error: Error | ErrorSummary) => void;
  /** Called when the store fails. The worker keeps trying. */
  readonly onStoreError: (error: Error) => void;
}

/** A running worker of an inbox. */
export interface InboxWorker {
  /** Leases no more deliveries, and resolves when the last running attempt has ended. */
  stop(): Promise<void>;
}

/** The part of an inbox that a router uses. `cakemail-webhooks/inbox` opens such inboxes. */
export interface RouterInbox {
  /** One sentence for the operator per setting of the store that may lose deliveries. */
  readonly warnings?: readonly string[];
  /**
   * Resolves to `stored` once the delivery cannot be lost any more, or to `duplicate` if the inbox already holds it.
   * Rejects when the delivery was not stored.
   */
  store(delivery: StoredDelivery): Promise<'stored' | 'duplicate'>;
  /** Starts a worker, which leases deliveries and calls `attempt` for each until it is stopped. */
  work(attempt: Attempt, options: WorkerOptions): InboxWorker;
  /** Stops the workers and closes the connection to the store. Stored deliveries stay stored. */
  close(): Promise<void>;
}
