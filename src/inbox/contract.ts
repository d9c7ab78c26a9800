import type { DeadReason, RouterInbox, StoredDelivery } from '../delivery/stored-delivery.js';
import type { Retries } from './retries.js';

/** `waiting` for its first or next attempt, `active`, `done`, or `dead`: it will not be tried again. */
export type InboxState = 'waiting' | 'active' | 'done' | 'dead';

export const INBOX_STATES: readonly InboxState[] = ['waiting', 'active', 'done', 'dead'];

/** The engines of an inbox. */
export type EngineName = 'SQLite' | 'Redis' | 'Postgres';

/** Which deliveries are meant: those that fit all members. `list()` without any member lists every delivery. */
export interface InboxFilter {
  readonly state?: InboxState | undefined;
  /** The exact name of an event. */
  readonly event?: string | undefined;
  /** Received at this time or later. */
  readonly since?: Date | undefined;
}

/**
 * Which deliveries to change: a filter with at least one member, or `{ all: true }` for every delivery. An empty filter is
 * refused, because a member that happens to be undefined would otherwise change everything.
 */
export type InboxSelection =
  | (InboxFilter & ({ readonly state: InboxState } | { readonly event: string } | { readonly since: Date }))
  | { readonly all: true; readonly state?: undefined; readonly event?: undefined; readonly since?: undefined };

/** A delivery in the inbox, without its body. */
export interface InboxEntry extends Omit<StoredDelivery, 'rawBody' | 'headers'> {
  readonly state: InboxState;
  /** Attempts begun so far. */
  readonly attempts: number;
  /** When it is due (`waiting`), its lease ends (`active`), or it came to its state (`done`, `dead`). */
  readonly at: Date;
  /** Why it is dead. */
  readonly reason?: DeadReason | undefined;
  /** What the last failed attempt failed with. */
  readonly error?: string | undefined;
}

/** A delivery in the inbox. */
export type InboxDelivery = InboxEntry & StoredDelivery;

export type InboxCounts = Readonly<Record<InboxState, number>>;

export interface InboxStats extends InboxCounts {
  /** Milliseconds since the oldest delivery that is not handled yet was received; 0 when there is none. */
  readonly oldestAgeMs: number;
  readonly events: Readonly<Record<string, InboxCounts>>;
}

/**
 * Keeps verified deliveries until they are handled, and longer. When its engine fails, its methods reject with an
 * `InboxError`, which holds a code and a message, and nothing of the driver's own error.
 */
export interface Inbox extends RouterInbox {
  /** The latest first, 100 unless told. */
  list(filter?: InboxFilter & { readonly limit?: number }): Promise<InboxEntry[]>;
  get(id: string): Promise<InboxDelivery | undefined>;
  /**
   * Has `done` and `dead` deliveries handled once more, by all of their handlers. Resolves to how many.
   * @throws {ConfigurationError} for an empty filter: pass `{ all: true }` to replay every delivery.
   */
  replay(which: string | InboxSelection): Promise<number>;
  /**
   * Forgets deliveries that are not `active`. Resolves to how many.
   * @throws {ConfigurationError} for an empty filter: pass `{ all: true }` to remove every delivery.
   */
  remove(which: string | InboxSelection): Promise<number>;
  /** Forgets what is older than the retention. Done by itself once a minute. Resolves to how many. */
  prune(): Promise<number>;
  stats(): Promise<InboxStats>;
}

/** An inbox as its engine knows it: unchecked, with the errors of its driver. An empty filter means every delivery. */
export interface InboxEngine extends Omit<Inbox, 'replay' | 'remove'> {
  replay(which: string | InboxFilter): Promise<number>;
  remove(which: string | InboxFilter): Promise<number>;
}

/** Options of `openInbox`. */
export interface InboxOptions {
  /**
   * In Redis and Postgres, what this inbox is called: those of different names do not see each other. Letters, digits, `-`
   * and `_`. Default `cakemail-webhooks`. A file is an inbox of its own.
   */
  readonly name?: string | undefined;
  readonly retries?: Retries | undefined;
  /** Milliseconds for which a handled delivery is kept, and its duplicates are known. Default 24 hours. */
  readonly keepMs?: number | undefined;
  /** Milliseconds for which a dead letter is kept. Default 30 days. */
  readonly keepDeadMs?: number | undefined;
  /**
   * Milliseconds after which the delivery of a process that is gone is taken on by another one; in Redis and Postgres up
   * to half as many more. A worker renews it three times as often. At least 1,000; default 30,000.
   */
  readonly leaseMs?: number | undefined;
  /** Milliseconds between two looks for what other processes stored. Redis and Postgres tell at once. Default 250. */
  readonly pollMs?: number | undefined;
}

/** The options after checking. */
export interface InboxSettings {
  readonly name: string;
  readonly retries: Required<Retries>;
  readonly keepMs: number;
  readonly keepDeadMs: number;
  readonly leaseMs: number;
  readonly pollMs: number;
}
