import type Database from 'libsql';
import type { StoredDelivery } from '../../delivery/stored-delivery.js';
import type { InboxDelivery, InboxEntry, InboxFilter, InboxSettings, InboxStats } from '../contract.js';
import { MAX_TIME_MS } from '../decode-stored.js';
import { InboxError } from '../inbox-error.js';
import type { Transition } from '../next-state.js';
import { type EventCount, toStats } from '../stats.js';
import {
  asBytes,
  clamped,
  DELIVERY_COLUMNS,
  decodeDelivery,
  decodeEntry,
  decodeLease,
  decodeState,
  decodeText,
  ENTRY_COLUMNS,
  LEASE_COLUMNS,
  type Lease,
  type Row,
} from './rows.js';
import { whereClause } from './where-clause.js';

const RESTART = `state = 'waiting', attempt = 0, completed = '[]', reason = NULL, error = NULL`;
const IF_LEASED = `WHERE id = ? AND fence = ? AND state = 'active'`;

/** The statements on the table of deliveries. Each runs in a transaction of its own unless its caller opened one. */
export class DeliveryTable {
  readonly #insert: Database.Statement;
  readonly #restart: Database.Statement;
  readonly #claim: Database.Statement;
  readonly #renewLease: Database.Statement;
  readonly #endLease: Database.Statement;
  readonly #prune: Database.Statement;
  readonly #nextDue: Database.Statement;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #rollback: Database.Statement;

  constructor(
    private readonly db: Database.Database,
    private readonly settings: InboxSettings,
  ) {
    // IMMEDIATE, because a transaction that reads before it writes could not wait for another process's write lock.
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
    this.#insert = db.prepare(`
      INSERT INTO deliveries (id, event, body, headers, received_at, state, at, attempt, fence)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`);
    this.#restart = db.prepare(`
      UPDATE deliveries SET headers = ?, received_at = ?, at = ?, ${RESTART}
      WHERE id = ? AND state IN ('done', 'dead') AND at < ?`);
    this.#claim = db.prepare(`
      UPDATE deliveries
      SET state = 'active', at = ?, attempt = ${clamped('attempt')} + 1, fence = ${clamped('fence')} + 1
      WHERE id IN (
        SELECT id FROM deliveries WHERE state IN ('waiting', 'active') AND at <= ? ORDER BY at LIMIT ?
      )
      RETURNING ${LEASE_COLUMNS}`);
    this.#renewLease = db.prepare(`UPDATE deliveries SET at = ? ${IF_LEASED}`);
    this.#endLease = db.prepare(
      `UPDATE deliveries SET state = ?, at = ?, completed = ?, reason = ?, error = ? ${IF_LEASED}`,
    );
    this.#prune = db.prepare(
      `DELETE FROM deliveries WHERE state IN ('done', 'dead') AND at < CASE state WHEN 'done' THEN ? ELSE ? END`,
    );
    this.#nextDue = db.prepare(
      `SELECT min(at) AS at FROM deliveries WHERE state IN ('waiting', 'active') AND at <= ${MAX_TIME_MS}`,
    );
  }

  /**
   * Stores all deliveries or none. The result for each is false if it is a duplicate, and true or a lease if it is new.
   * The first `maxLeases` new deliveries are leased at once, which saves claiming them.
   */
  insert(deliveries: readonly StoredDelivery[], now: number, maxLeases = 0): readonly (Lease | boolean)[] {
    let leasesLeft = maxLeases;
    const { leaseMs, keepMs } = this.settings;
    return this.transaction(() =>
      deliveries.map((delivery) => {
        const { id, event, rawBody } = delivery;
        const headers = JSON.stringify(delivery.headers);
        const receivedAt = delivery.receivedAt.getTime();
        const state = leasesLeft > 0 ? ['active', now + leaseMs, 1, 1] : ['waiting', now, 0, 0];
        if (this.#insert.run(id, event, rawBody, headers, receivedAt, ...state).changes > 0) {
          if (leasesLeft === 0) return true;
          leasesLeft--;
          return { ...delivery, attempt: 1, completed: new Map(), fence: 1 };
        }
        // A delivery that could have been pruned already counts as new.
        return this.#restart.run(headers, receivedAt, now, id, now - keepMs).changes > 0;
      }),
    );
  }

  /** Leases up to `limit` deliveries that are due, or whose lease expired because their process died. */
  claim(limit: number, now: number): readonly Lease[] {
    return (this.#claim.all(now + this.settings.leaseMs, now, limit) as Row[]).map(decodeLease);
  }

  /** Returns false when the lease has expired and another worker has claimed the delivery. */
  renewLease({ id, fence }: Lease, now: number): boolean {
    return this.#renewLease.run(now + this.settings.leaseMs, id, fence).changes > 0;
  }

  /** Stores the result of an attempt. Returns false when the lease has expired and another worker has claimed the delivery. */
  endLease({ id, fence, completed }: Lease, transition: Transition): boolean {
    const { state, at } = transition;
    const error = 'error' in transition ? transition.error : null;
    const reason = 'reason' in transition ? transition.reason : null;
    const handlers = JSON.stringify([...completed]);
    return this.#endLease.run(state, at, handlers, reason, error, id, fence).changes > 0;
  }

  /** When the next delivery is due, in Unix milliseconds. */
  nextDue(): number | undefined {
    return (this.#nextDue.get() as { at: number | null }).at ?? undefined;
  }

  list(filter: InboxFilter, limit: number): InboxEntry[] {
    const { sql, values } = whereClause(filter);
    const query = `SELECT ${ENTRY_COLUMNS} FROM deliveries ${sql} ORDER BY received_at DESC, id LIMIT ?`;
    return (this.db.prepare(query).all(...values, limit) as Row[]).map(decodeEntry);
  }

  get(id: string): InboxDelivery | undefined {
    const row = this.db.prepare(`SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE id = ?`).get(id) as Row | undefined;
    return row && { ...decodeEntry(row), ...decodeDelivery(row) };
  }

  replay(which: string | InboxFilter, now: number): number {
    const { sql, values } = whereClause(which);
    const statement = `UPDATE deliveries SET at = ?, ${RESTART} ${sql} AND state IN ('done', 'dead')`;
    return this.db.prepare(statement).run(now, ...values).changes;
  }

  remove(which: string | InboxFilter): number {
    const { sql, values } = whereClause(which);
    return this.db.prepare(`DELETE FROM deliveries ${sql} AND state <> 'active'`).run(...values).changes;
  }

  prune(now: number): number {
    return this.#prune.run(now - this.settings.keepMs, now - this.settings.keepDeadMs).changes;
  }

  stats(now: number): InboxStats {
    const rows = this.db
      .prepare(
        `SELECT ${asBytes('event')}, ${asBytes('state')}, count(*) AS count, ${clamped('min(received_at)')} AS oldest
         FROM deliveries GROUP BY deliveries.event, deliveries.state`,
      )
      .all() as (Pick<Row, 'event' | 'state'> & Pick<EventCount, 'count' | 'oldest'>)[];
    return toStats(
      rows.map(({ event, state, ...counts }) => ({ ...counts, event: decodeText(event), state: decodeState(state) })),
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
      // SQLite itself rolls back after some errors.
      if (this.db.inTransaction) this.#rollback.run();
      if ((thrown as { code?: unknown }).code === 'SQLITE_FULL') this.#shortenLog();
      throw thrown;
    }
  }

  /** Writes the whole write-ahead log to the database file, and empties the log. */
  checkpoint(): void {
    const { busy } = this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number };
    if (busy !== 0) throw new InboxError('SQLITE_BUSY', 'The write-ahead log is in use.');
  }

  /** The log itself may fill the disk, and SQLite shortens it only after a commit, which would need free space. */
  #shortenLog(): void {
    try {
      this.checkpoint();
    } catch {
      // The next transaction that fails tries again.
    }
  }
}
