import { randomUUID } from 'node:crypto';
import type { JobState } from 'bullmq';
import type { StoredDelivery } from '../../delivery/stored-delivery.js';
import { endsWithin, withTimeout } from '../../shared/promises.js';
import { Batcher } from '../batcher.js';
import type { InboxEngine, InboxFilter, InboxSettings, InboxState } from '../contract.js';
import { InboxError } from '../inbox-error.js';
import { toStats } from '../stats.js';
import { BullmqWorker } from './bullmq-worker.js';
import {
  type InboxJob,
  type InboxQueue,
  initialData,
  type JobData,
  newJob,
  toInboxDelivery,
  tolerantJobClass,
} from './job.js';
import type { QueueBackend } from './queue-backend.js';

/** How long storing a delivery may take before the sender is answered 503. */
const STORE_TIMEOUT_MS = 5_000;
/** How long each step of closing may take. */
const CLOSE_TIMEOUT_MS = 5_000;
/** The number of jobs that are read or changed at the same time. */
const CHUNK_SIZE = 100;

const FINISHED_STATES = { done: 'completed', dead: 'failed' } as const;
const RESET_ATTEMPTS = { resetAttemptsMade: true, resetAttemptsStarted: true };

/** Opens an inbox in a BullMQ queue, which many machines can share. */
export async function openBullmqEngine(
  connect: (queue: string) => Promise<QueueBackend>,
  settings: InboxSettings,
): Promise<InboxEngine> {
  const { name, keepMs, keepDeadMs, leaseMs } = settings;
  const backend = await connect(name);
  const { Queue: BullQueue, Worker, Job } = await import('bullmq');
  const jobClass = { value: tolerantJobClass(Job) };
  const queue: InboxQueue = new BullQueue(name, { connection: backend.connection }, backend.createBackend);
  Object.defineProperty(queue, 'Job', jobClass);
  queue.on('error', () => {}); // Each command rejects with its own error.
  const workers = new Set<BullmqWorker>();
  const incoming = new Batcher<StoredDelivery, boolean>(async (batch) =>
    withTimeout(STORE_TIMEOUT_MS, add(batch), () => {
      return new InboxError('ETIMEDOUT', `The inbox did not answer within ${STORE_TIMEOUT_MS} ms.`);
    }),
  );

  /** Returns for each delivery whether it was new. BullMQ does not say so, hence the data names the call that added it. */
  async function add(batch: readonly StoredDelivery[]): Promise<boolean[]> {
    const addedBy = randomUUID();
    const unique = new Map<string, StoredDelivery>();
    for (const delivery of batch) if (!unique.has(delivery.id)) unique.set(delivery.id, delivery);
    await queue.addBulk([...unique.values()].map((delivery) => newJob(delivery, addedBy)));
    const jobs = await backend.readAdded([...unique.keys()]);
    const expiry = Date.now() - keepMs;
    const added = new Set<StoredDelivery>();
    for (const [id, delivery] of unique) {
      const job = jobs.get(id);
      // The sender is answered 503, and its next request stores the delivery.
      if (job === undefined) throw new InboxError('REMOVED', 'A delivery was removed while it was being stored.');
      const isNew = job.addedBy === addedBy;
      // A delivery that could have been pruned already counts as new.
      const isExpired = !isNew && job.finishedAt !== 0 && job.finishedAt < expiry;
      if (isNew || (isExpired && (await restart(id, () => newJob(delivery, addedBy).data)))) added.add(delivery);
    }
    return batch.map((delivery) => added.has(delivery));
  }

  /** Runs a finished job once more. Resolves to false if the job does not exist or is not finished. */
  async function restart(id: string, newData: (job: InboxJob) => JobData): Promise<boolean> {
    const job = await getJob(id);
    const state = job && toInboxState(await job.getState());
    if (job === undefined || (state !== 'done' && state !== 'dead')) return false;
    const data = newData(job);
    await job.updateData(data);
    await backend.setReceivedAt(id, data.receivedAt);
    return unlessMoved(job.retry(FINISHED_STATES[state], RESET_ATTEMPTS));
  }

  async function getJob(id: string): Promise<InboxJob | undefined> {
    try {
      return (await queue.getJob(id)) as InboxJob | undefined;
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return undefined; // Another program damaged the job's options.
      throw thrown;
    }
  }

  async function findIds(which: string | InboxFilter, ...states: InboxState[]): Promise<string[]> {
    if (typeof which === 'string') return [which];
    const found = await backend.find(which, Number.POSITIVE_INFINITY);
    return found.filter(({ state }) => states.includes(state)).map(({ id }) => id);
  }

  return {
    warnings: backend.warnings,
    store: async (delivery) => ((await incoming.add(delivery)) ? 'stored' : 'duplicate'),
    work(attempt, options) {
      const worker = new BullmqWorker(Worker, jobClass, backend, settings, attempt, options);
      workers.add(worker);
      return {
        async stop() {
          await worker.stop();
          workers.delete(worker);
        },
      };
    },
    async list(filter, limit) {
      const found = await backend.find(filter, limit);
      const entries = await mapInChunks(found, async ({ id, state }) => {
        const job = await getJob(id);
        if (job === undefined) return [];
        const { rawBody: _body, headers: _headers, ...entry } = toInboxDelivery(job, state, leaseMs);
        return [entry];
      });
      return entries.flat();
    },
    async get(id) {
      const job = await getJob(id);
      const state = job && toInboxState(await job.getState());
      return state && toInboxDelivery(job, state, leaseMs);
    },
    async replay(which) {
      const ids = await findIds(which, 'done', 'dead');
      return countTrue(await mapInChunks(ids, (id) => restart(id, initialData)));
    },
    async remove(which) {
      const ids = await findIds(which, 'waiting', 'done', 'dead');
      // BullMQ reports a job that does not exist as removed.
      const remove = async (id: string) => (await getJob(id)) !== undefined && (await queue.remove(id)) === 1;
      return countTrue(await mapInChunks(ids, remove));
    },
    async prune() {
      const done = await queue.clean(keepMs, 0, 'completed');
      const dead = await queue.clean(keepDeadMs, 0, 'failed');
      return done.length + dead.length;
    },
    stats: async () => toStats(await backend.countEvents(), Date.now()),
    async close() {
      const areStopped = await endsWithin(CLOSE_TIMEOUT_MS, Promise.all([...workers].map((worker) => worker.stop())));
      // A server that does not answer must not keep the process alive.
      if (!areStopped) await endsWithin(CLOSE_TIMEOUT_MS, Promise.all([...workers].map((worker) => worker.abandon())));
      await endsWithin(CLOSE_TIMEOUT_MS, queue.close());
      await endsWithin(CLOSE_TIMEOUT_MS, backend.close());
    },
  };
}

function toInboxState(state: JobState | 'unknown'): InboxState | undefined {
  switch (state) {
    case 'unknown':
      return undefined;
    case 'active':
      return 'active';
    case 'completed':
      return 'done';
    case 'failed':
      return 'dead';
    default:
      return 'waiting';
  }
}

/** Resolves to false if the job has left its state meanwhile, in which case BullMQ's scripts fail with a negative code. */
async function unlessMoved(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (thrown) {
    if (Number((thrown as { code?: unknown }).code) < 0) return false;
    throw thrown;
  }
}

async function mapInChunks<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += CHUNK_SIZE) {
    results.push(...(await Promise.all(items.slice(start, start + CHUNK_SIZE).map(map))));
  }
  return results;
}

function countTrue(values: readonly boolean[]): number {
  return values.filter(Boolean).length;
}
