import type Database from 'libsql';
import type { DeadReason, LeasedDelivery, StoredDelivery } from '../../durable/store.js';
import type { InboxDelivery, InboxEntry, InboxFilter, InboxSettings, InboxState, InboxStats } from '../types.js';
import { type Condition, where } from './where.js';

/** A delivery that this process holds. */
export interface Lease extends LeasedDelivery {
  readonly fence: number;
}

/** What becomes of a delivery when its lease ends. */
export interface Settlement {
  readonly lease: Lease;
  readonly state: InboxState;
  /** Unix milliseconds. */
  readonly at: number;
  readonly reason?: DeadReason | undefined;
  readonly error?: string | undefined;
}

interface Row {
  id: string;
  event: string;
  body: Buffer;
  headers: string;
  received_at: number;
  state: InboxState;
  at: number;
  attempt: number;
  fence: number;
  settled: string;
  reason: DeadReason | null;
  error: string | null;
}

const ENTRY = 'id, event, received_at, state, at, attempt, reason, error';

/** The table, as statements. Each is one transaction, or part of the one it is called in. */
export class Deliveries {
  readonly #insert: Database.Statement;
  readonly #claim: Database.Statement;
  readonly #renew: Database.Statement;
  readonly #settle: Database.Statement;
  readonly #prune: Database.Statement;
  readonly #nextDue: Database.Statement;

  constructor(
    private readonly db: Database.Database,
    private readonly settings: InboxSettings,
  ) {
    // A delivery that was finished so long ago that it may be forgotten counts as a new one.
    this.#insert = db.prepare(`
      INSERT INTO deliveries (id, event, body, headers, received_at, state, at) VALUES (?, ?, ?, ?, ?, 'waiting', ?)
      ON CONFLICT (id) DO UPDATE SET
        headers = excluded.headers, received_at = excluded.received_at, state = 'waiting', at = excluded.at,
        attempt = 0, settled = '[]', reason = NULL, error = NULL
      WHERE deliveries.state IN ('done', 'dead') AND deliveries.at < ?`);
    this.#claim = db.prepare(`
      UPDATE deliveries SET state = 'active', at = ?, attempt = attempt + 1, fence = fence + 1
      WHERE id IN (
        SELECT id FROM deliveries WHERE state IN ('waiting', 'active') AND at <= ? ORDER BY at LIMIT ?
      )
      RETURNING *`);
    const held = `WHERE id = ? AND fence = ? AND state = 'active'`;
    this.#renew = db.prepare(`UPDATE deliveries SET at = ? ${held}`);
    this.#settle = db.prepare(`UPDATE deliveries SET state = ?, at = ?, settled = ?, reason = ?, error = ? ${held}`);
    this.#prune = db.prepare(
      `DELETE FROM deliveries WHERE state IN ('done', 'dead') AND at < CASE state WHEN 'done' THEN ? ELSE ? END`,
    );
    this.#nextDue = db.prepare(`SELECT min(at) AS at FROM deliveries WHERE state IN ('waiting', 'active')`);
  }

  /** Whether each was new. All are kept, or none is. */
  insert(deliveries: readonly StoredDelivery[], now: number): readonly boolean[] {
    return this.transaction(() =>
      deliveries.map(({ id, event, rawBody, headers, receivedAt }) => {
        const values = [id, event, rawBody, JSON.stringify(headers), receivedAt.getTime(), now];
        return this.#insert.run(...values, now - this.settings.keepMs).changes > 0;
      }),
    );
  }

  /** Takes on what is due, or was left by a process that is gone. */
  claim(most: number, now: number): readonly Lease[] {
    const rows = this.#claim.all(now + this.settings.leaseMs, now, most) as Row[];
    return rows.map((row) => ({
      ...stored(row),
      attempt: row.attempt,
      settled: new Map(JSON.parse(row.settled)),
      fence: row.fence,
    }));
  }

  /** Keeps a lease; false when somebody else has the delivery by now. */
  renew({ id, fence }: Lease, now: number): boolean {
    return this.#renew.run(now + this.settings.leaseMs, id, fence).changes > 0;
  }

  /** Ends a lease; false when somebody else has the delivery by now. */
  settle({ lease, state, at, reason, error }: Settlement): boolean {
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
    const row = this.db.prepare('SELECT * FROM deliveries WHERE id = ?').get(id) as Row | undefined;
    return row && { ...entry(row), ...stored(row) };
  }

  replay(which: Condition, now: number): number {
    return this.db
      .prepare(
        `UPDATE deliveries SET state = 'waiting', at = ?, attempt = 0, settled = '[]', reason = NULL, error = NULL
         ${which.sql} AND state IN ('done', 'dead')`,
      )
      .run(now, ...which.values).changes;
  }

  remove(which: Condition): number {
    return this.db.prepare(`DELETE FROM deliveries ${which.sql} AND state <> 'active'`).run(...which.values).changes;
  }

  prune(now: number): number {
    return this.#prune.run(now - this.settings.keepMs, now - this.settings.keepDeadMs).changes;
  }

  stats(now: number): InboxStats {
    const counts = { waiting: 0, active: 0, done: 0, dead: 0 };
    const events: Record<string, typeof counts> = Object.create(null);
    const rows = this.db
      .prepare(
        'SELECT event, state, count(*) AS count, min(received_at) AS oldest FROM deliveries GROUP BY event, state',
      )
      .all() as { event: string; state: InboxState; count: number; oldest: number }[];
    let oldest = now;
    for (const row of rows) {
      counts[row.state] += row.count;
      events[row.event] ??= { waiting: 0, active: 0, done: 0, dead: 0 };
      (events[row.event] as typeof counts)[row.state] = row.count;
      if (row.state === 'waiting' || row.state === 'active') oldest = Math.min(oldest, row.oldest);
    }
    return { ...counts, oldestAgeMs: now - oldest, events };
  }

  transaction<T>(work: () => T): T {
    // Immediate: a transaction that reads first and writes later could not wait for another process's.
    return this.db.transaction(work).immediate() as T;
  }
}

function stored({ id, event, body, headers, received_at }: Row): StoredDelivery {
  return { id, event, rawBody: Buffer.from(body), headers: JSON.parse(headers), receivedAt: new Date(received_at) };
}

function entry({ id, event, received_at, state, at, attempt, reason, error }: Row): InboxEntry {
  return {
    id,
    event,
    receivedAt: new Date(received_at),
    state,
    attempts: attempt,
    at: new Date(at),
    ...(reason !== null && { reason }),
    ...(error !== null && { error }),
  };
}
