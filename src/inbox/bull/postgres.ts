import type { Pool, PoolClient, PoolConfig } from 'pg';
import { cannotOpen, need } from '../opening.js';
import type { InboxFilter, InboxState } from '../types.js';
import { CONNECT_MS, type Engine } from './engine.js';

const QUEUE_CONNECTIONS = 4;
const MOST_WORKER_CONNECTIONS = 10;

/** BullMQ's name for each state. */
const STATES: Record<InboxState, readonly string[]> = {
  waiting: ['waiting', 'delayed'],
  active: ['active'],
  done: ['completed'],
  dead: ['failed'],
};
const STATE_OF = Object.fromEntries(
  Object.entries(STATES).flatMap(([state, theirs]) => theirs.map((their) => [their, state])),
) as Record<string, InboxState>;

export async function openPostgres(url: string, queue: string): Promise<Engine> {
  const [{ default: pg }, { createPostgresBackend, DEFAULT_SCHEMA, runMigrations }] = await need(
    'postgres:',
    'bullmq pg',
    () => Promise.all([import('pg'), import('bullmq')]),
  );
  const open = (config: PoolConfig): Pool => {
    const schema = { options: `-c search_path=${DEFAULT_SCHEMA}` };
    const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: CONNECT_MS, ...schema, ...config });
    pool.on('error', ignore);
    return pool;
  };
  const pool = open({ max: QUEUE_CONNECTIONS });
  let warnings: string[];
  try {
    const client = await pool.connect();
    try {
      await runMigrations(client, DEFAULT_SCHEMA);
      warnings = await warningsOf(client);
    } finally {
      client.release();
    }
  } catch (thrown) {
    await pool.end();
    throw cannotOpen('Postgres', thrown);
  }
  return {
    ...questionsTo(pool, queue),
    connection: pool,
    backend: createPostgresBackend as Engine['backend'],
    openWorker(concurrency) {
      // One of them listens.
      const own = open({ max: Math.min(concurrency, MOST_WORKER_CONNECTIONS) + 1 });
      return { connection: own, close: () => own.end() };
    },
    warnings,
    close: () => pool.end(),
  };
}

/** A connection that fails while it is idle is replaced when it is needed. */
function ignore(): void {}

function questionsTo(pool: Pool, queue: string): Pick<Engine, 'origins' | 'find' | 'tally'> {
  return {
    async origins(ids) {
      const { rows } = await pool.query<{ id: string; call: string; finished: string | null }>(
        `SELECT id, data ->> 'call' AS call, finished_at_ms AS finished FROM job WHERE queue = $1 AND id = ANY ($2)`,
        [queue, ids],
      );
      return new Map(rows.map(({ id, call, finished }) => [id, { call, finishedAt: Number(finished ?? 0) }]));
    },
    async find({ state, event, since }: InboxFilter, limit: number) {
      const { rows } = await pool.query<{ id: string; state: string }>(
        `SELECT id, state FROM job WHERE queue = $1
           AND ($2::text[] IS NULL OR state::text = ANY ($2))
           AND ($3::text IS NULL OR name = $3)
           AND ($4::bigint IS NULL OR added_at_ms >= $4)
         ORDER BY added_at_ms DESC, id LIMIT $5`,
        [queue, state && STATES[state], event, since?.getTime(), Number.isFinite(limit) ? limit : null],
      );
      return rows.map(({ id, state }) => ({ id, state: STATE_OF[state] ?? 'waiting' }));
    },
    async tally() {
      const { rows } = await pool.query<{ event: string; state: string; count: string; oldest: string }>(
        `SELECT name AS event, state, count(*), min(added_at_ms) AS oldest FROM job WHERE queue = $1 GROUP BY 1, 2`,
        [queue],
      );
      return rows.map(({ event, state, count, oldest }) => ({
        event,
        state: STATE_OF[state] ?? 'waiting',
        count: Number(count),
        oldest: Number(oldest),
      }));
    },
  };
}

async function warningsOf(client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'`,
  );
  return rows.map(({ name }) => `Postgres may lose what it acknowledged when it crashes: \`${name}\` is off.`);
}
