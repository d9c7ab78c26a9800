import type { Pool, PoolClient, QueryConfig } from 'pg';
import type { InboxFilter, InboxState } from '../contract.js';
import { importPackages, toOpenError } from '../open-errors.js';
import { type ClosablePool, openPool } from './closable-pool.js';
import { CONNECT_TIMEOUT_MS, type QueueBackend } from './queue-backend.js';

const QUEUE_CONNECTIONS = 4;
const MAX_WORKER_CONNECTIONS = 10;
/** Without a limit, close() would wait for a server that does not answer. */
const QUERY_TIMEOUT_MS = 10_000;
/** For queries that read the whole queue. */
const LONG_QUERY_TIMEOUT_MS = 120_000;

/** The states in which BullMQ's table holds the jobs of each state of the inbox. */
const BULLMQ_STATES: Record<InboxState, readonly string[]> = {
  waiting: ['waiting', 'delayed'],
  active: ['active'],
  done: ['completed'],
  dead: ['failed'],
};
const STATE_OF = Object.fromEntries(
  Object.entries(BULLMQ_STATES).flatMap(([state, bullmqStates]) => bullmqStates.map((each) => [each, state])),
) as Record<string, InboxState>;

export async function connectPostgres(url: string, queue: string): Promise<QueueBackend> {
  const [{ default: pg }, { createPostgresBackend, DEFAULT_SCHEMA, runMigrations }] = await importPackages(
    'postgres:',
    'bullmq pg',
    () => Promise.all([import('pg'), import('bullmq')]),
  );
  const connect = (max: number): ClosablePool =>
    openPool(pg.Pool, {
      ...connectionConfig(url, DEFAULT_SCHEMA),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
      max,
    });
  let connecting: ClosablePool | undefined;
  let warnings: string[];
  try {
    connecting = connect(QUEUE_CONNECTIONS);
    const client = await connecting.pool.connect();
    try {
      await runMigrations(client, DEFAULT_SCHEMA);
      warnings = await findWarnings(client);
    } finally {
      client.release();
    }
  } catch (thrown) {
    await connecting?.close();
    throw toOpenError('Postgres', thrown);
  }
  const { pool, close } = connecting;
  return {
    ...createQueries(pool, queue),
    connection: pool,
    createBackend: createPostgresBackend as QueueBackend['createBackend'],
    connectWorker(concurrency) {
      // One more, because the worker listens for notifications on one of them.
      const own = connect(Math.min(concurrency, MAX_WORKER_CONNECTIONS) + 1);
      return { connection: own.pool, close: own.close };
    },
    warnings,
    setReceivedAt: (id, time) =>
      pool.query('UPDATE job SET added_at_ms = $3 WHERE queue = $1 AND id = $2', [queue, id, time]),
    close,
  };
}

/** Adds BullMQ's schema to the search path, after any options in the address. */
function connectionConfig(url: string, schema: string): { connectionString: string; options: string } {
  const address = new URL(url);
  const options = address.searchParams.get('options') ?? '';
  address.searchParams.delete('options');
  return { connectionString: address.href, options: `${options} -c search_path=${schema}`.trim() };
}

function createQueries(pool: Pool, queue: string): Pick<QueueBackend, 'readAdded' | 'find' | 'countEvents'> {
  return {
    async readAdded(ids) {
      const { rows } = await pool.query<{ id: string; added_by: string | null; finished: string | null }>(
        `SELECT id, data ->> 'addedBy' AS added_by, finished_at_ms AS finished
         FROM job WHERE queue = $1 AND id = ANY ($2)`,
        [queue, ids],
      );
      return new Map(
        rows.map(({ id, added_by, finished }) => [id, { addedBy: added_by ?? '', finishedAt: Number(finished ?? 0) }]),
      );
    },
    async find({ state, event, since }: InboxFilter, limit: number) {
      const { rows } = await pool.query<{ id: string; state: string }>(
        longQuery(
          `SELECT id, state FROM job WHERE queue = $1
           AND ($2::text[] IS NULL OR state::text = ANY ($2))
           AND ($3::text IS NULL OR name = $3)
           AND ($4::bigint IS NULL OR added_at_ms >= $4)
         ORDER BY added_at_ms DESC, id LIMIT $5`,
          [queue, state && BULLMQ_STATES[state], event, since?.getTime(), Number.isFinite(limit) ? limit : null],
        ),
      );
      return rows.map(({ id, state }) => ({ id, state: STATE_OF[state] ?? 'waiting' }));
    },
    async countEvents() {
      const { rows } = await pool.query<{ event: string; state: string; count: string; oldest: string }>(
        longQuery(
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

/** Assigned afterwards, because pg's types lack the time limit of a single query. */
function longQuery(text: string, values: unknown[]): QueryConfig {
  return Object.assign({ text, values }, { query_timeout: LONG_QUERY_TIMEOUT_MS });
}

async function findWarnings(client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off'`,
  );
  return rows.map(({ name }) => `Postgres may lose acknowledged deliveries in a crash because \`${name}\` is off.`);
}
