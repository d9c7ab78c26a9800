import type { Redis, RedisOptions } from 'ioredis';
import { within } from '../../shared/promises.js';
import { INBOX_STATES, type InboxFilter, type InboxState } from '../contract.js';
import { timeIn } from '../decode-stored.js';
import { InboxError } from '../engine-error.js';
import { cannotOpen, need } from '../open-errors.js';
import type { Tally } from '../stats.js';
import type { JobData } from './job.js';
import { CONNECT_MS, type Engine, type Found, type Origin } from './queue-backend.js';

/** BullMQ's own default. */
const PREFIX = 'bull';
/** Under which keys it holds the ids of the jobs in each state: a list, or a sorted set. */
const LISTS: Partial<Record<InboxState, readonly string[]>> = { waiting: ['wait', 'paused'], active: ['active'] };
const SETS: Partial<Record<InboxState, string>> = { waiting: 'delayed', done: 'completed', dead: 'failed' };
const PAGE = 1_000;
/** An address whose path, if it has one, is a number. */
const DATABASE = /^rediss?:\/\/[^/?#]*(\/\d*)?([?#]|$)/;

/** What is worth knowing of a job without its body. */
interface Glance extends Found {
  readonly event: string;
  readonly receivedAt: number;
}

const retryStrategy = (times: number): number => Math.min(50 * times, 1_000);
const FAIL_AT_ONCE: RedisOptions = {
  lazyConnect: true,
  connectTimeout: CONNECT_MS,
  // By this timer a connection that failed would keep the process for two seconds.
  disconnectTimeout: 500,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy,
};

export async function openRedis(url: string, queue: string): Promise<Engine> {
  const [{ Redis }, { createRedisBackend }] = await need('redis:', 'bullmq ioredis', () =>
    Promise.all([import('ioredis'), import('bullmq')]),
  );
  let client: Redis | undefined;
  let lastError: Error | undefined;
  try {
    client = new Redis(url, FAIL_AT_ONCE);
    const { db = 0 } = client.options;
    if (!Number.isInteger(db) || !DATABASE.test(url)) {
      throw new InboxError('ERR_DB_INDEX', 'the address must name its database by number, as in redis://localhost/1');
    }
    client.on('error', (error) => {
      lastError = error;
    });
    await within(
      CONNECT_MS,
      client.connect(),
      () => new InboxError('ETIMEDOUT', `It did not answer within ${CONNECT_MS} ms.`),
    );
    // Connecting goes on with database 0 when the server refuses the one in the address.
    if (db !== 0) await client.select(db);
  } catch (thrown) {
    client?.disconnect();
    // What was thrown says no more than that there is no connection.
    throw cannotOpen('Redis', lastError ?? thrown);
  }
  const connected = client;
  const keyOf = (id: string): string => `${PREFIX}:${queue}:${id}`;
  return {
    ...questionsTo(connected, keyOf('')),
    connection: connected,
    backend: createRedisBackend as Engine['backend'],
    openWorker() {
      const connection = new Redis(url, { maxRetriesPerRequest: null, retryStrategy });
      connection.on('error', ignore);
      return { connection, close: async () => connection.disconnect() };
    },
    async receivedAt(id, at) {
      await connected.hset(keyOf(id), 'timestamp', at);
    },
    warnings: await warningsOf(client),
    close: async () => connected.disconnect(),
  };
}

/** Whoever sends a command is told when it fails. */
function ignore(): void {}

function questionsTo(client: Redis, prefix: string): Pick<Engine, 'origins' | 'find' | 'tally'> {
  async function fields(ids: readonly string[], ...names: string[]): Promise<(string | null)[][]> {
    const pipeline = client.pipeline();
    for (const id of ids) pipeline.hmget(prefix + id, ...names);
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, values]) => {
      // Another program has put something else there.
      if (error?.message.startsWith('WRONGTYPE')) return names.map(() => null);
      if (error) throw error;
      return values as (string | null)[];
    });
  }

  async function* pagesOf(state: InboxState): AsyncGenerator<string[]> {
    const set = SETS[state];
    const lists =
      LISTS[state]?.map((key) => (from: number) => client.lrange(prefix + key, from, from + PAGE - 1)) ?? [];
    const sets = set === undefined ? [] : [(from: number) => client.zrange(prefix + set, from, from + PAGE - 1)];
    for (const read of [...lists, ...sets]) {
      for (let start = 0, more = true; more; start += PAGE) {
        const page = await read(start);
        yield page;
        more = page.length === PAGE;
      }
    }
  }

  /** In pages, so that a long queue does not hold up everybody else. A job that moves meanwhile is seen once. */
  async function* scan(states: readonly InboxState[]): AsyncGenerator<Glance> {
    const seen = new Set<string>();
    for (const state of states) {
      for await (const page of pagesOf(state)) {
        const ids = page.filter((id) => !seen.has(id));
        for (const [index, [event, timestamp]] of (await fields(ids, 'name', 'timestamp')).entries()) {
          const id = ids[index] as string;
          seen.add(id);
          if (event != null) yield { id, event, state, receivedAt: timeIn(timestamp).getTime() };
        }
      }
    }
  }

  return {
    async origins(ids) {
      const origins = new Map<string, Origin>();
      for (const [index, [data, finishedOn]] of (await fields(ids, 'data', 'finishedOn')).entries()) {
        if (data == null) continue;
        origins.set(ids[index] as string, { call: callIn(data), finishedAt: Number(finishedOn ?? 0) });
      }
      return origins;
    },
    async find({ state, event, since }: InboxFilter, limit: number) {
      const found: Glance[] = [];
      const earliest = since?.getTime() ?? 0;
      for await (const each of scan(state === undefined ? INBOX_STATES : [state])) {
        if (each.receivedAt >= earliest && (event === undefined || each.event === event)) found.push(each);
      }
      found.sort((a, b) => b.receivedAt - a.receivedAt || (a.id < b.id ? -1 : 1));
      return found.slice(0, limit);
    },
    async tally() {
      const tallies = new Map<string, Tally>();
      for await (const { event, state, receivedAt } of scan(INBOX_STATES)) {
        const key = `${state} ${event}`;
        const { count, oldest } = tallies.get(key) ?? { count: 0, oldest: receivedAt };
        tallies.set(key, { event, state, count: count + 1, oldest: Math.min(oldest, receivedAt) });
      }
      return [...tallies.values()];
    },
  };
}

/** Empty for data that another program damaged, because no call to `add` has an empty name. */
function callIn(data: string): string {
  try {
    return String((JSON.parse(data) as Partial<JobData> | null)?.call ?? '');
  } catch {
    return '';
  }
}

async function warningsOf(client: Redis): Promise<string[]> {
  const setting = async (name: string): Promise<string | undefined> =>
    ((await client.config('GET', name)) as string[])[1];
  try {
    const warnings: string[] = [];
    if ((await setting('appendonly')) !== 'yes' || (await setting('appendfsync')) !== 'always') {
      warnings.push(
        'Redis may lose what it acknowledged when it crashes: set `appendonly yes` and `appendfsync always`.',
      );
    }
    if ((await setting('maxmemory-policy')) !== 'noeviction') {
      warnings.push('Redis may throw deliveries away when its memory is full: set `maxmemory-policy noeviction`.');
    }
    return warnings;
  } catch {
    // Managed services often refuse CONFIG.
    return ['Redis does not tell its settings; it needs `appendonly yes`, `appendfsync always` and `noeviction`.'];
  }
}
