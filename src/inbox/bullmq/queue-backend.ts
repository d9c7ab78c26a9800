import type { BackendFactory, IQueueBackend } from 'bullmq';
import type { InboxFilter, InboxState } from '../contract.js';
import type { EventCount } from '../stats.js';

export const CONNECT_TIMEOUT_MS = 10_000;
/** A connection whose server does not close it within this time is cut, because it would keep the process alive. */
export const GOODBYE_TIMEOUT_MS = 500;

/** The server on which BullMQ runs a queue, with the queries for which BullMQ has no methods. */
export interface QueueBackend {
  /** Its commands fail at once while the server is unavailable, so that the sender is answered 503. */
  readonly connection: unknown;
  /** BullMQ's factory of the backend that it uses for such a server. */
  readonly createBackend: BackendFactory<IQueueBackend, unknown>;
  /** Opens a connection for a worker, whose commands wait until the server is available again. */
  connectWorker(concurrency: number): WorkerConnection;
  /** One sentence per setting of the server with which it may lose deliveries. */
  readonly warnings: readonly string[];
  /** Reads jobs right after they were added. Jobs that do not exist are left out. */
  readAdded(ids: readonly string[]): Promise<ReadonlyMap<string, AddedJob>>;
  /** Finds the matching jobs, the latest first. */
  find(filter: InboxFilter, limit: number): Promise<readonly JobRef[]>;
  countEvents(): Promise<EventCount[]>;
  /** Sets the time (Unix milliseconds) by which `find` sorts and filters a job. */
  setReceivedAt(id: string, time: number): Promise<unknown>;
  /** Ends the connection, also when its server is away or silent. */
  close(): Promise<unknown>;
}

export interface AddedJob {
  /** The `addedBy` of its data. */
  readonly addedBy: string;
  /** Unix milliseconds, or 0 while the job is not finished. */
  readonly finishedAt: number;
}

export interface JobRef {
  readonly id: string;
  readonly state: InboxState;
}

export interface WorkerConnection {
  readonly connection: unknown;
  /**
   * Ends the connection and the copies that BullMQ made of it. Commands that wait for the server reject. May be called more
   * than once.
   */
  close(): Promise<unknown>;
}
