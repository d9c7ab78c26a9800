import type Database from 'libsql';
import type { DeadReason, LeasedDelivery, StoredDelivery } from '../../delivery/stored-delivery.js';
import {
  INBOX_STATES,
  type InboxDelivery,
  type InboxEntry,
  type InboxFilter,
  type InboxSettings,
  type InboxState,
  type InboxStats,
} from '../contract.js';
import { headersIn, settledIn, timeIn } from '../decode-stored.js';
import { InboxError } from '../engine-error.js';
import type { Ending } from '../next-state.js';
import { statsOf, type Tally } from '../stats.js';
import { type Condition, where } from './selection.js';

/** A delivery that this process holds. */
export interface Lease extends LeasedDelivery {
  readonly fence: number;
}

/** How a lease ends. */
export interface Settlement {
  readonly lease: Lease;
  readonly ending: Ending;
}

/** The latest time of a Date, in Unix milliseconds. */
const LATEST = 8.64e15;

/** A row as it is read: numbers that a Date holds, and texts as bytes. */
interface Row {
  readonly id: Uint8Array;
  readonly event: Uint8Array;
  readonly body: Uint8Array | null;
  readonly headers: Uint8Array;
  readonly received_at: number;
  readonly state: Uint8Array;
  readonly at: number;
  readonly attempt: number;
  readonly fence: number;
  readonly settled: Uint8Array;
  readonly reason: Uint8Array | null;
  readonly error: Uint8Array | null;
}

/**
 * Another program may have changed a row, and SQLite keeps any value in any column. The driver ends the process when it reads
 * a text that is not UTF-8, and refuses large integers, so texts are read as bytes and integers within bounds.
 */
const bytes = (column: string): string => `CAST(${column} AS BLOB) AS ${column}`;
const bounded = (column: string): string => `max(0, min(CAST(${column} AS INTEGER), ${LATEST}))`;
const number = (column: string): string => `${bounded(column)} AS ${column}`;

const ENTRY = [
  ...['id', 'event', 'state', 'reason', 'error'].map(bytes),
  ...['received_at', 'at', 'attempt'].map(number),
].join();
const STORED = ['body', 'headers'].map(bytes).join();
/** The fence as it is, because it is compared with what the row holds. */
const LEASE = `${ENTRY}, ${STORED}, ${bytes('settled')}, fence`;

const AS_NEW = `state = 'waiting', attempt = 0, settled = '[]', reason = NULL, error = NULL`;

/** The table, as statements. Each is one transaction, or part of the one it is called in. */
export class Deliveries {
  readonly #insert: Database.Statement;
  readonly #revive: Database.Statement;
  readonly #claim: Database.Statement;
  readonly #renew: Database.Statement;
  readonly #settle: Database.Statement;
  readonly #prune: Database.Statement;
  readonly #nextDue: Database.Statement;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #rollback: Database.Statement;

  constructor(
    private readonly db: Database.Database,
    private readonly settings: InboxSettings,
  ) {
    // Immediate: a transaction that reads first and writes later could not wait for another process's.
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
    this.#insert = db.prepare(`
      INSERT INTO deliveries (id, event, body, headers, received_at, state, at, attempt, fence)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`);
    this.#revive = db.prepare(`
      UPDATE deliveries SET headers = ?, received_at = ?, at = ?, ${AS_NEW}
      WHERE id = ? AND state IN ('done', 'dead') AND at < ?`);
    this.#claim = db.prepare(`
      UPDATE deliveries SET state = 'active', at = ?, attempt = ${bounded('attempt')} + 1, fence = ${bounded('fence')} + 1
      WHERE id IN (
        SELECT id FROM deliveries WHERE state IN ('waiting', 'active') AND at <= ? ORDER BY at LIMIT ?
      )
      RETURNING ${LEASE}`);
    const held = `WHERE id = ? AND fence = ? AND state = 'active'`;
    this.#renew = db.prepare(`UPDATE deliveries SET at = ? ${held}`);
    this.#settle = db.prepare(`UPDATE deliveries SET state = ?, at = ?, settled = ?, reason = ?, error = ? ${held}`);
    this.#prune = db.prepare(
      `DELETE FROM deliveries WHERE state IN ('done', 'dead') AND at < CASE state WHEN 'done' THEN ? ELSE ? END`,
    );
    this.#nextDue = db.prepare(
      `SELECT min(at) AS at FROM deliveries WHERE state IN ('waiting', 'active') AND at <= ${LATEST}`,
    );
  }

  /**
   * Whether each was new. All are kept, or none is. Up to `most` of the new ones are taken on at once, which spares a claim;
   * they come back as leases.
   */
  insert(deliveries: readonly StoredDelivery[], now: number, most = 0): readonly (Lease | boolean)[] {
    let left = most;
    const { leaseMs, keepMs } = this.settings;
    return this.transaction(() =>
      deliveries.map((delivery) => {
        const { id, event, rawBody, receivedAt } = delivery;
        const headers = JSON.stringify(delivery.headers);
        const received = receivedAt.getTime();
        const state = left > 0 ? ['active', now + leaseMs, 1, 1] : ['waiting', now, 0, 0];
        if (this.#insert.run(id, event, rawBody, headers, received, ...state).changes > 0) {
          if (left === 0) return true;
          left--;
          return { ...delivery, attempt: 1, settled: new Map(), fence: 1 };
        }
        // Finished so long ago that it may be forgotten, it counts as a new one.
        return this.#revive.run(headers, received, now, id, now - keepMs).changes > 0;
      }),
    );
  }

  /** Takes on what is due, or was left by a process that is gone. */
  claim(most: number, now: number): readonly Lease[] {
    const rows = this.#claim.all(now + this.settings.leaseMs, now, most) as Row[];
    return rows.map((row) => ({
      ...stored(row),
      attempt: row.attempt,
      settled: settledIn(text(row.settled)),
      fence: row.fence,
    }));
  }

  /** Keeps a lease; false when somebody else has the delivery by now. */
  renew({ id, fence }: Lease, now: number): boolean {
    return this.#renew.run(now + this.settings.leaseMs, id, fence).changes > 0;
  }

  /** Ends a lease; false when somebody else has the delivery by now. */
  settle({ lease, ending }: Settlement): boolean {
    const { state, at, reason, error }: { reason?: DeadReason; error?: string } & Ending = ending;
    const settled = JSON.stringify([...lease.settled]);
    return this.#settle.run(state, at, settled, reason ?? null, error ?? null, lease.id, lease.fence).changes > 0;
  }

  /** When the next one is due, in Unix milliseconds. */
  nextDue(): number | undefined {
    return (this.#nextDue.get() as { at: number | null }).at ?? undefined;
  }

  list(filter: InboxFilter, limit: number): InboxEntry[] {
    const { sql, values } = where(filter);
    const query = `SELECT ${ENTRY} FROM deliveries ${sql} ORDER BY received_at DESC, id LIMIT ?`;
    return (this.db.prepare(query).all(...values, limit) as Row[]).map(entry);
  }

  get(id: string): InboxDelivery | undefined {
    const row = this.db.prepare(`SELECT ${ENTRY}, ${STORED} FROM deliveries WHERE id = ?`).get(id) as Row | undefined;
    return row && { ...entry(row), ...stored(row) };
  }

  replay(which: Condition, now: number): number {
    return this.db
      .prepare(`UPDATE deliveries SET at = ?, ${AS_NEW} ${which.sql} AND state IN ('done', 'dead')`)
      .run(now, ...which.values).changes;
  }

  remove(which: Condition): number {
    return this.db.prepare(`DELETE FROM deliveries ${which.sql} AND state <> 'active'`).run(...which.values).changes;
  }

  prune(now: number): number {
    return this.#prune.run(now - this.settings.keepMs, now - this.settings.keepDeadMs).changes;
  }

  stats(now: number): InboxStats {
    const tallies = this.db
      .prepare(
        `SELECT ${bytes('event')}, ${bytes('state')}, count(*) AS count, ${bounded('min(received_at)')} AS oldest
         FROM deliveries GROUP BY deliveries.event, deliveries.state`,
      )
      .all() as (Pick<Row, 'event' | 'state'> & Pick<Tally, 'count' | 'oldest'>)[];
    return statsOf(
      tallies.map(({ event, state, ...tally }) => ({ ...tally, event: text(event), state: stateIn(state) })),
      now,
    );
  }

  transaction<T>(work: () => T): T {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (thrown) {
      // SQLite may have done so itself.
      if (this.db.inTransaction) this.#rollback.run();
      if ((thrown as { code?: unknown }).code === 'SQLITE_FULL') this.#shorten();
      throw thrown;
    }
  }

  /** Brings all that is in the log into the database, and empties the log. */
  checkpoint(): void {
    const { busy } = this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number };
    if (busy !== 0) throw new InboxError('SQLITE_BUSY', 'The write-ahead log is in use.');
  }

  /** The log may be what fills the disk, and nobody would shorten it as long as nothing can be committed. */
  #shorten(): void {
    try {
      this.checkpoint();
    } catch {
      // Not now, then: the next failure tries again.
    }
  }
}

function stored({ id, event, body, headers, received_at }: Row): StoredDelivery {
  return {
    id: text(id),
    event: text(event),
    rawBody: Buffer.from(body ?? []),
    headers: headersIn(text(headers)),
    receivedAt: timeIn(received_at),
  };
}

function entry({ id, event, received_at, state, at, attempt, reason, error }: Row): InboxEntry {
  return {
    id: text(id),
    event: text(event),
    receivedAt: timeIn(received_at),
    state: stateIn(state),
    attempts: attempt,
    at: timeIn(at),
    ...(reason !== null && { reason: text(reason) as DeadReason }),
    ...(error !== null && { error: text(error) }),
  };
}

/** A state that does not exist is shown as dead: no worker takes such a row. */
function stateIn(state: Uint8Array): InboxState {
  return INBOX_STATES.find((each) => each === text(state)) ?? 'dead';
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
