import type { Pool, PoolClient, QueryConfig } from 'pg';
import type { InboxFilter, InboxState } from '../contract.js';
import { cannotOpen, need } from '../open-errors.js';
import { CONNECT_MS, type Engine } from './queue-backend.js';

const QUEUE_CONNECTIONS = 4;
/** A connection whose server does not answer is given up, or close() would wait for it. */
const QUERY_MS = 10_000;
/** Of those that look at everything. */
const LONG_QUERY_MS = 120_000;
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
  const open = (max: number): Pool => {
    const config = { connectionTimeoutMillis: CONNECT_MS, query_timeout: QUERY_MS, keepAlive: true };
    const pool = new pg.Pool({ ...addressOf(url, DEFAULT_SCHEMA), ...config, max });
    pool.on('error', ignore);
    // The pool listens to a client only while it is idle. Without a listener, a lost connection would end the process.
    pool.on('connect', (client) => client.on('error', ignore));
    return pool;
  };
  let pool: Pool | undefined;
  let warnings: string[];
  try {
    pool = open(QUEUE_CONNECTIONS);
    const client = await pool.connect();
    try {
      await runMigrations(client, DEFAULT_SCHEMA);
      warnings = await warningsOf(client);
    } finally {
      client.release();
    }
  } catch (thrown) {
    await pool?.end();
    throw cannotOpen('Postgres', thrown);
  }
  const connected = pool;
  return {
    ...questionsTo(connected, queue),
    connection: connected,
    backend: createPostgresBackend as Engine['backend'],
    openWorker(concurrency) {
      // One of them listens.
      const own = open(Math.min(concurrency, MOST_WORKER_CONNECTIONS) + 1);
      return { connection: own, close: () => own.end() };
    },
    warnings,
    receivedAt: (id, at) =>
      connected.query('UPDATE job SET added_at_ms = $3 WHERE queue = $1 AND id = $2', [queue, id, at]),
    close: () => connected.end(),
  };
}

/** With the schema on the path, after whatever options the address has itself. */
function addressOf(url: string, schema: string): { connectionString: string; options: string } {
  const address = new URL(url);
  const theirs = address.searchParams.get('options') ?? '';
  address.searchParams.delete('options');
  return { connectionString: address.href, options: `${theirs} -c search_path=${schema}`.trim() };
}

/** A connection that was lost is replaced when it is needed, and the query that was running rejects. */
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
        slow(
          `SELECT id, state FROM job WHERE queue = $1
           AND ($2::text[] IS NULL OR state::text = ANY ($2))
           AND ($3::text IS NULL OR name = $3)
           AND ($4::bigint IS NULL OR added_at_ms >= $4)
         ORDER BY added_at_ms DESC, id LIMIT $5`,
          [queue, state && STATES[state], event, since?.getTime(), Number.isFinite(limit) ? limit : null],
        ),
      );
      return rows.map(({ id, state }) => ({ id, state: STATE_OF[state] ?? 'waiting' }));
    },
    async tally() {
      const { rows } = await pool.query<{ event: string; state: string; count: string; oldest: string }>(
        slow(
          `SELECT name AS event, state, count(*), min(added_at_ms) AS oldest FROM job WHERE queue = $1 GROUP BY 1, 2`,
          [queue],
        ),
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

/** pg's types do not know the time limit of a single query. */
function slow(text: string, values: unknown[]): QueryConfig {
  return Object.assign({ text, values }, { query_timeout: LONG_QUERY_MS });
}

async function warningsOf(client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'`,
  );
  return rows.map(({ name }) => `Postgres may lose what it acknowledged when it crashes: \`${name}\` is off.`);
}
