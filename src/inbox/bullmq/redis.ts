import type { Redis, RedisOptions } from 'ioredis';
import { withTimeout } from '../../shared/promises.js';
import { recordOf } from '../../shared/record-of.js';
import { INBOX_STATES, type InboxFilter, type InboxState } from '../contract.js';
import { decodeStoredTime, parseStoredJson } from '../decode-stored.js';
import { InboxError } from '../inbox-error.js';
import { importPackages, toOpenError } from '../open-errors.js';
import type { EventCount } from '../stats.js';
import {
  type AddedJob,
  CONNECT_TIMEOUT_MS,
  GOODBYE_TIMEOUT_MS,
  type JobRef,
  type QueueBackend,
} from './queue-backend.js';

/** BullMQ's default prefix of its keys. */
const KEY_PREFIX = 'bull';
/** BullMQ holds the ids of the jobs in each state in lists and sorted sets. */
const LISTS: Partial<Record<InboxState, readonly string[]>> = { waiting: ['wait', 'paused'], active: ['active'] };
const SORTED_SETS: Partial<Record<InboxState, string>> = { waiting: 'delayed', done: 'completed', dead: 'failed' };
const PAGE_SIZE = 1_000;
/** An address whose path is either missing or the number of a database. */
const HAS_VALID_DATABASE = /^rediss?:\/\/[^/?#]*(\/\d*)?([?#]|$)/;

/** The members of a job that a scan reads. */
interface JobSummary extends JobRef {
  readonly event: string;
  readonly receivedAt: number;
}

const retryStrategy = (times: number): number => Math.min(50 * times, 1_000);
const FAIL_FAST: RedisOptions = {
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: GOODBYE_TIMEOUT_MS,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy,
};
const WAIT_FOR_SERVER: RedisOptions = {
  disconnectTimeout: GOODBYE_TIMEOUT_MS,
  maxRetriesPerRequest: null,
  retryStrategy,
};

export async function connectRedis(url: string, queue: string): Promise<QueueBackend> {
  const [{ Redis }, { createRedisBackend }] = await importPackages('redis:', 'bullmq ioredis', () =>
    Promise.all([import('ioredis'), import('bullmq')]),
  );
  let connecting: Redis | undefined;
  let lastError: Error | undefined;
  try {
    connecting = new Redis(url, FAIL_FAST);
    const { db = 0 } = connecting.options;
    if (!Number.isInteger(db) || !HAS_VALID_DATABASE.test(url)) {
      throw new InboxError('ERR_DB_INDEX', 'The address must name its database by number, as in redis://localhost/1.');
    }
    connecting.on('error', (error) => {
      lastError = error;
    });
    await withTimeout(CONNECT_TIMEOUT_MS, connecting.connect(), () => {
      return new InboxError('ETIMEDOUT', `Redis did not answer within ${CONNECT_TIMEOUT_MS} ms.`);
    });
    // If the server refuses the database in the address, ioredis connects to database 0.
    if (db !== 0) await connecting.select(db);
  } catch (thrown) {
    connecting?.disconnect();
    // The thrown error only says that the connection is closed, and the last error event says why.
    throw toOpenError('Redis', lastError ?? thrown);
  }
  const client = connecting;
  const jobKey = (id: string): string => `${KEY_PREFIX}:${queue}:${id}`;
  return {
    ...createQueries(client, jobKey('')),
    connection: client,
    createBackend: createRedisBackend as QueueBackend['createBackend'],
    connectWorker() {
      const connections: Redis[] = [];
      const connect = (options?: RedisOptions): Redis => {
        const connection = new Redis(url, { ...WAIT_FOR_SERVER, ...options });
        connections.push(connection.on('error', () => {})); // Each command rejects with its own error.
        return connection;
      };
      const connection = connect();
      // BullMQ copies it for the command that waits for a job, and may never close the copy when the server is away.
      connection.duplicate = connect;
      return { connection, close: () => Promise.all(connections.map(end)) };
    },
    async setReceivedAt(id, time) {
      await client.hset(jobKey(id), 'timestamp', time);
    },
    warnings: await findWarnings(client),
    close: () => end(client),
  };
}

/** Resolves when the socket is closed. Commands that still wait reject. */
async function end(client: Redis): Promise<void> {
  // BullMQ reconnects a client that ended while it waited for a job.
  client.connect = () => Promise.reject(new Error('Connection is closed.'));
  if (client.status === 'end') return;
  const ended = new Promise((resolve) => client.once('end', resolve));
  // Between two attempts to connect, ioredis ends a client only when it never tried.
  if (client.status === 'reconnecting') client.status = 'wait';
  client.disconnect();
  await ended;
}

function createQueries(client: Redis, prefix: string): Pick<QueueBackend, 'readAdded' | 'find' | 'countEvents'> {
  async function readFields(ids: readonly string[], ...names: string[]): Promise<(string | null)[][]> {
    const pipeline = client.pipeline();
    for (const id of ids) pipeline.hmget(prefix + id, ...names);
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, values]) => {
      // Another program has replaced the job by a value of another type.
      if (error?.message.startsWith('WRONGTYPE')) return names.map(() => null);
      if (error) throw error;
      return values as (string | null)[];
    });
  }

  async function* readIds(state: InboxState): AsyncGenerator<string[]> {
    const set = SORTED_SETS[state];
    const lists =
      LISTS[state]?.map((key) => (from: number) => client.lrange(prefix + key, from, from + PAGE_SIZE - 1)) ?? [];
    const sets = set === undefined ? [] : [(from: number) => client.zrange(prefix + set, from, from + PAGE_SIZE - 1)];
    for (const readPage of [...lists, ...sets]) {
      for (let start = 0, hasMore = true; hasMore; start += PAGE_SIZE) {
        const page = await readPage(start);
        yield page;
        hasMore = page.length === PAGE_SIZE;
      }
    }
  }

  /** Reads in pages, so that a long queue does not block the server for its other clients. Yields each job once. */
  async function* scan(states: readonly InboxState[]): AsyncGenerator<JobSummary> {
    const seen = new Set<string>();
    for (const state of states) {
      for await (const page of readIds(state)) {
        const ids = page.filter((id) => !seen.has(id));
        for (const [index, [event, timestamp]] of (await readFields(ids, 'name', 'timestamp')).entries()) {
          const id = ids[index] as string;
          seen.add(id);
          if (event != null) yield { id, event, state, receivedAt: decodeStoredTime(timestamp).getTime() };
        }
      }
    }
  }

  return {
    async readAdded(ids) {
      const jobs = new Map<string, AddedJob>();
      for (const [index, [data, finishedOn]] of (await readFields(ids, 'data', 'finishedOn')).entries()) {
        if (data == null) continue;
        const { addedBy } = recordOf(parseStoredJson(data));
        jobs.set(ids[index] as string, { addedBy: String(addedBy ?? ''), finishedAt: Number(finishedOn ?? 0) });
      }
      return jobs;
    },
    async find({ state, event, since }: InboxFilter, limit: number) {
      const found: JobSummary[] = [];
      const earliest = since?.getTime() ?? 0;
      for await (const job of scan(state === undefined ? INBOX_STATES : [state])) {
        if (job.receivedAt >= earliest && (event === undefined || job.event === event)) found.push(job);
      }
      found.sort((a, b) => b.receivedAt - a.receivedAt || (a.id < b.id ? -1 : 1));
      return found.slice(0, limit);
    },
    async countEvents() {
      const counts = new Map<string, EventCount>();
      for await (const { event, state, receivedAt } of scan(INBOX_STATES)) {
        const key = `${state} ${event}`;
        const { count, oldest } = counts.get(key) ?? { count: 0, oldest: receivedAt };
        counts.set(key, { event, state, count: count + 1, oldest: Math.min(oldest, receivedAt) });
      }
      return [...counts.values()];
    },
  };
}

async function findWarnings(client: Redis): Promise<string[]> {
  const setting = async (name: string): Promise<string | undefined> =>
    ((await client.config('GET', name)) as string[])[1];
  try {
    const warnings: string[] = [];
    if ((await setting('appendonly')) !== 'yes' || (await setting('appendfsync')) !== 'always') {
      warnings.push(
        'Redis may lose acknowledged deliveries in a crash. Set `appendonly yes` and `appendfsync always`.',
      );
    }
    if ((await setting('maxmemory-policy')) !== 'noeviction') {
      warnings.push('Redis may evict deliveries when its memory is full. Set `maxmemory-policy noeviction`.');
    }
    return warnings;
  } catch {
    // Managed services often disable the CONFIG command.
    return [
      'Redis does not show its settings. Make sure that they are `appendonly yes`, `appendfsync always` and ' +
        '`maxmemory-policy noeviction`.',
    ];
  }
}
