import type { BackendFactory, IQueueBackend } from 'bullmq';
import type { InboxFilter, InboxState } from '../contract.js';
import type { Tally } from '../stats.js';

/** What BullMQ runs on here, and what it has no questions for. */
export interface Engine {
  /** Its commands fail at once while the server is away, so that the sender is told to come back. */
  readonly connection: unknown;
  /** What speaks to the server over a connection of this engine. */
  readonly backend: BackendFactory<IQueueBackend, unknown>;
  /** A connection of a worker's, which waits for the server to come back. */
  openWorker(concurrency: number): WorkerConnection;
  /** How the server may lose what it has acknowledged, in words. */
  readonly warnings: readonly string[];
  /** Where these jobs come from; those that are not there are left out. */
  origins(ids: readonly string[]): Promise<ReadonlyMap<string, Origin>>;
  /** What fits, the latest first. */
  find(filter: InboxFilter, limit: number): Promise<readonly Found[]>;
  tally(): Promise<Tally[]>;
  /** Sets by which time of receipt a job is found. */
  receivedAt(id: string, at: number): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface Origin {
  /** Which adding it was, as its data says. */
  readonly call: string;
  /** Unix milliseconds; 0 while it is not. */
  readonly finishedAt: number;
}

export interface Found {
  readonly id: string;
  readonly state: InboxState;
}

export interface WorkerConnection {
  readonly connection: unknown;
  close(): Promise<unknown>;
}

export const CONNECT_MS = 10_000;
