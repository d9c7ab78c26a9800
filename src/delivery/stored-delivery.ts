import type { Settled } from '../handlers/completed.js';
import type { ErrorSummary } from '../shared/errors.js';
import type { PlainHeaders } from '../shared/headers.js';

/** A verified delivery as an inbox keeps it. Neither the signature nor any credential is part of it. */
export interface StoredDelivery {
  /** Hex SHA-256 of the raw bytes. */
  readonly id: string;
  /** The name of the event. */
  readonly event: string;
  /** The exact bytes that were signed. They are valid UTF-8. */
  readonly rawBody: Buffer;
  /** Without credentials, cookies and signatures. */
  readonly headers: PlainHeaders;
  readonly receivedAt: Date;
}

/** A stored delivery that a worker has taken on. */
export interface LeasedDelivery extends StoredDelivery {
  /** 1, 2, … */
  readonly attempt: number;
  /** The handlers that earlier attempts are done with. */
  readonly settled: Settled;
}

/** How an attempt ended. */
export type Verdict =
  | { readonly state: 'handled' | 'unhandled' }
  /** Try again later, as long as there are attempts left. */
  | { readonly state: 'failed'; readonly error: Error | ErrorSummary }
  /** No further attempt would help. */
  | { readonly state: 'dead'; readonly reason: DeadReason; readonly error: Error | ErrorSummary };

/** Why a delivery is not tried any more. */
export type DeadReason = 'attempts_exhausted' | 'permanent_error' | 'schema_mismatch' | 'not_readable';

/** Makes one attempt. Never rejects. */
export type Attempt = (delivery: LeasedDelivery) => Promise<Verdict>;

/** What a worker tells of itself. None of these may throw. */
export interface WorkerHooks {
  /** A delivery has become a dead letter. `error` is what its last attempt in this process gave, or what is known of it. */
  readonly dead: (delivery: StoredDelivery, reason: DeadReason, error: Error | ErrorSummary) => void;
  /** The store failed; the worker goes on trying. */
  readonly storeFailed: (error: Error) => void;
}

export interface WorkOptions {
  /** Deliveries that are worked on at the same time. */
  readonly concurrency: number;
}

/** A worker at work. */
export interface DurableWorker {
  /** Takes nothing more, and resolves when nothing runs any more. */
  stop(): Promise<void>;
}

/** Where a receiver puts deliveries. */
export interface DeliveryStore {
  /**
   * Resolves once the delivery cannot be lost any more, with whether it was there before. Rejects when it is not kept.
   */
  store(delivery: StoredDelivery): Promise<'stored' | 'duplicate'>;
}

/** What a router needs of an inbox, as `cakemail-webhooks/inbox` opens them. */
export interface RouterInbox extends DeliveryStore {
  /** How deliveries could be lost as the store is set up, in words for the operator. */
  readonly warnings?: readonly string[];
  /** Takes deliveries on until it is stopped, and calls `attempt` for each. */
  work(attempt: Attempt, options: WorkOptions & WorkerHooks): DurableWorker;
  /** Lets go of the store. Whatever is kept stays kept. */
  close(): Promise<void>;
}
