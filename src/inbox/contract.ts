import type { DeadReason, RouterInbox, StoredDelivery } from '../delivery/stored-delivery.js';
import type { Retries } from './retries.js';

/**
 * `waiting` for its first or next attempt, `active` during an attempt, `done` once it was handled, or `dead` when no
 * further attempt will be made.
 */
export type InboxState = 'waiting' | 'active' | 'done' | 'dead';

/** Every state, in the order in which a delivery passes through them. */
export const INBOX_STATES: readonly InboxState[] = ['waiting', 'active', 'done', 'dead'];

/** The software that stores the deliveries of an inbox. */
export type EngineName = 'SQLite' | 'Redis' | 'Postgres';

/** Selects the deliveries that match every member. For `list()`, a filter without members selects every delivery. */
export interface InboxFilter {
  readonly state?: InboxState | undefined;
  /** The exact name of an event. */
  readonly event?: string | undefined;
  /** Received at this time or later. */
  readonly since?: Date | undefined;
}

/**
 * Selects the deliveries to change: a filter with at least one member, or `{ all: true }` for every delivery. An empty
 * filter throws, because a member that happens to be undefined would otherwise change every delivery.
 */
export type InboxSelection =
  | (InboxFilter & ({ readonly state: InboxState } | { readonly event: string } | { readonly since: Date }))
  | { readonly all: true; readonly state?: undefined; readonly event?: undefined; readonly since?: undefined };

/** A delivery in the inbox, without its body and headers. */
export interface InboxEntry extends Omit<StoredDelivery, 'rawBody' | 'headers'> {
  readonly state: InboxState;
  /** The number of attempts that have started. */
  readonly attempts: number;
  /** When it is due (`waiting`), when its lease expires (`active`), or when it reached its state (`done`, `dead`). */
  readonly at: Date;
  /** Why it is dead. */
  readonly reason?: DeadReason | undefined;
  /** The error of the last failed attempt. */
  readonly error?: string | undefined;
}

/** A delivery in the inbox. */
export type InboxDelivery = InboxEntry & StoredDelivery;

/** The number of deliveries in each state. */
export type InboxCounts = Readonly<Record<InboxState, number>>;

export interface InboxStats extends InboxCounts {
  /** Milliseconds since the oldest `waiting` or `active` delivery was received, or 0 if there is none. */
  readonly oldestAgeMs: number;
  /** The counts of each event, by its name. */
  readonly events: Readonly<Record<string, InboxCounts>>;
}

/**
 * Stores verified deliveries until they are handled, and for a while after that. When the engine fails, the methods reject
 * with an `InboxError`, which has a code and a message and holds nothing of the driver's own error.
 */
export interface Inbox extends RouterInbox {
  /** Lists the latest deliveries first. `limit` defaults to 100. */
  list(filter?: InboxFilter & { readonly limit?: number }): Promise<InboxEntry[]>;
  get(id: string): Promise<InboxDelivery | undefined>;
  /**
   * Makes all handlers run again for `done` and `dead` deliveries. Resolves to the number of deliveries.
   * @throws {ConfigurationError} for an empty filter: pass `{ all: true }` to replay every delivery.
   */
  replay(which: string | InboxSelection): Promise<number>;
  /**
   * Deletes deliveries that are not `active`. Resolves to the number of deliveries.
   * @throws {ConfigurationError} for an empty filter: pass `{ all: true }` to remove every delivery.
   */
  remove(which: string | InboxSelection): Promise<number>;
  /**
   * Deletes the deliveries that are older than `keepMs` and `keepDeadMs` allow. An open inbox does so once a minute.
   * Resolves to the number of deliveries.
   */
  prune(): Promise<number>;
  stats(): Promise<InboxStats>;
}

/**
 * The interface that each engine implements. Its callers validate the arguments, and an empty filter selects every
 * delivery for all methods. An engine rejects with the errors of its driver.
 */
export interface InboxEngine extends RouterInbox, Pick<Inbox, 'get' | 'prune' | 'stats'> {
  list(filter: InboxFilter, limit: number): Promise<InboxEntry[]>;
  replay(which: string | InboxFilter): Promise<number>;
  remove(which: string | InboxFilter): Promise<number>;
}

/** Options of `openInbox`. */
export interface InboxOptions {
  /**
   * The name of the inbox in Redis and Postgres, where several inboxes of different names can share a server. Letters,
   * digits, `-` and `_`. Default `cakemail-webhooks`. Not allowed for a file, which holds exactly one inbox.
   */
  readonly name?: string | undefined;
  readonly retries?: Retries | undefined;
  /** Milliseconds for which a handled delivery is kept and its duplicates are recognized. Default 24 hours. */
  readonly keepMs?: number | undefined;
  /** Milliseconds for which a dead letter is kept. Default 30 days. */
  readonly keepDeadMs?: number | undefined;
  /**
   * Milliseconds after which another process handles a delivery whose process has died; in Redis and Postgres up to half
   * as long again. A worker renews its leases three times in this period. At least 1,000; default 30,000.
   */
  readonly leaseMs?: number | undefined;
  /**
   * Milliseconds between two checks for deliveries that other processes stored in the file. Redis and Postgres notify
   * workers without delay. Default 250.
   */
  readonly pollMs?: number | undefined;
}

/** The validated options, with their defaults. */
export interface InboxSettings {
  readonly name: string;
  readonly retries: Required<Retries>;
  readonly keepMs: number;
  readonly keepDeadMs: number;
  readonly leaseMs: number;
  readonly pollMs: number;
}
