import { randomUUID } from 'node:crypto';
import type { JobState } from 'bullmq';
import type { Attempt, StoredDelivery, WorkerHooks, WorkOptions } from '../../delivery/stored-delivery.js';
import { within } from '../../shared/promises.js';
import { Batch } from '../batch.js';
import type { InboxEngine, InboxFilter, InboxSettings, InboxState } from '../contract.js';
import { InboxError } from '../engine-error.js';
import { statsOf } from '../stats.js';
import { type BullWorking, startBullWorker } from './bullmq-worker.js';
import { asNew, deliveryIn, type InboxJob, type InboxQueue, type JobData, newJob, tolerant } from './job.js';
import type { Engine } from './queue-backend.js';

const PRUNE_MS = 60_000;
/** How long a delivery may take to be stored before the sender is told to come back. */
const STORE_MS = 5_000;
/** How long each part of it may take to close. */
const CLOSE_MS = 5_000;
/** How many jobs are changed at the same time. */
const CHUNK = 100;

const FINISHED = { done: 'completed', dead: 'failed' } as const;
const RESET = { resetAttemptsMade: true, resetAttemptsStarted: true };

/** An inbox on BullMQ, for the processes of many machines. */
export async function openBullInbox(
  open: (queue: string) => Promise<Engine>,
  settings: InboxSettings,
): Promise<InboxEngine> {
  const { name, keepMs, keepDeadMs, leaseMs } = settings;
  const engine = await open(name);
  const { Queue: BullQueue, Worker, Job } = await import('bullmq');
  const jobs = { value: tolerant(Job) };
  const queue: InboxQueue = new BullQueue(name, { connection: engine.connection }, engine.backend);
  Object.defineProperty(queue, 'Job', jobs);
  queue.on('error', () => {}); // each question reports its own error
  const workers = new Set<BullWorking>();
  const incoming = new Batch<StoredDelivery, boolean>(async (batch) =>
    within(STORE_MS, add(batch), () => new InboxError('ETIMEDOUT', `The inbox did not answer within ${STORE_MS} ms.`)),
  );
  const pruning = setInterval(() => void prune().catch(() => {}), PRUNE_MS).unref();
  let closing: Promise<void> | undefined;

  /** Whether each was new. BullMQ keeps the job that has an id already, and does not say so: hence `call`. */
  async function add(batch: readonly StoredDelivery[]): Promise<boolean[]> {
    const call = randomUUID();
    const first = new Map<string, StoredDelivery>();
    for (const delivery of batch) if (!first.has(delivery.id)) first.set(delivery.id, delivery);
    await queue.addBulk([...first.values()].map((delivery) => newJob(delivery, call)));
    const origins = await engine.origins([...first.keys()]);
    const over = Date.now() - keepMs;
    const added = new Set<StoredDelivery>();
    for (const [id, delivery] of first) {
      const origin = origins.get(id);
      // The sender comes again, and then there is nothing in its way.
      if (origin === undefined) throw new InboxError('REMOVED', 'A delivery was removed while it was stored.');
      const { call: kept, finishedAt } = origin;
      // Finished so long ago that it may be forgotten, it counts as a new one.
      const isForgotten = kept !== call && finishedAt !== 0 && finishedAt < over;
      if (kept === call || (isForgotten && (await revive(id, () => newJob(delivery, call).data)))) added.add(delivery);
    }
    return batch.map((delivery) => added.has(delivery));
  }

  /** Has a finished job done once more. False when it is not finished, or gone. */
  async function revive(id: string, data: (job: InboxJob) => JobData): Promise<boolean> {
    const job = await jobOf(id);
    const state = job && stateOf(await job.getState());
    if (job === undefined || (state !== 'done' && state !== 'dead')) return false;
    const changed = data(job);
    await job.updateData(changed);
    await engine.receivedAt(id, changed.receivedAt);
    return unlessMoved(job.retry(FINISHED[state], RESET));
  }

  async function jobOf(id: string): Promise<InboxJob | undefined> {
    try {
      return (await queue.getJob(id)) as InboxJob | undefined;
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return undefined; // another program damaged its options
      throw thrown;
    }
  }

  async function idsOf(which: string | InboxFilter, ...states: InboxState[]): Promise<string[]> {
    if (typeof which === 'string') return [which];
    const found = await engine.find(which, Number.POSITIVE_INFINITY);
    return found.filter(({ state }) => states.includes(state)).map(({ id }) => id);
  }

  async function prune(): Promise<number> {
    const done = await queue.clean(keepMs, 0, 'completed');
    const dead = await queue.clean(keepDeadMs, 0, 'failed');
    return done.length + dead.length;
  }

  async function close(): Promise<void> {
    clearInterval(pruning);
    const isStopped = await inTime(Promise.all([...workers].map((worker) => worker.stop())));
    // A server that is silent must not keep the process.
    if (!isStopped) for (const worker of workers) void worker.abandon().catch(() => {});
    await inTime(queue.close());
    await inTime(engine.close());
  }

  return {
    warnings: engine.warnings,
    async store(delivery) {
      if (closing !== undefined) throw new InboxError('CLOSED', 'The inbox is closed.');
      return (await incoming.add(delivery)) ? 'stored' : 'duplicate';
    },
    work(attempt: Attempt, options: WorkOptions & WorkerHooks) {
      const worker = startBullWorker({ Worker, jobs, engine, name }, settings, attempt, options);
      workers.add(worker);
      return {
        async stop() {
          await worker.stop();
          workers.delete(worker);
        },
      };
    },
    async list({ limit = 100, ...filter } = {}) {
      const found = await engine.find(filter, limit);
      const jobs = await inChunks(found, async ({ id, state }) => {
        const job = await jobOf(id);
        if (job === undefined) return [];
        const { rawBody: _body, headers: _headers, ...entry } = deliveryIn(job, state, leaseMs);
        return [entry];
      });
      return jobs.flat();
    },
    async get(id) {
      const job = await jobOf(id);
      const state = job && stateOf(await job.getState());
      return state && deliveryIn(job, state, leaseMs);
    },
    async replay(which) {
      const ids = await idsOf(which, 'done', 'dead');
      return count(await inChunks(ids, (id) => revive(id, asNew)));
    },
    async remove(which) {
      const ids = await idsOf(which, 'waiting', 'done', 'dead');
      // What is not there counts as removed for BullMQ.
      const remove = async (id: string) => (await jobOf(id)) !== undefined && (await queue.remove(id)) === 1;
      return count(await inChunks(ids, remove));
    },
    prune,
    stats: async () => statsOf(await engine.tally(), Date.now()),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function stateOf(state: JobState | 'unknown'): InboxState | undefined {
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

/** BullMQ's scripts fail with a negative code when the job is not, or no longer, where it was thought to be. */
async function unlessMoved(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (thrown) {
    if (Number((thrown as { code?: unknown }).code) < 0) return false;
    throw thrown;
  }
}

async function inChunks<T, R>(items: readonly T[], change: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += CHUNK) {
    results.push(...(await Promise.all(items.slice(start, start + CHUNK).map(change))));
  }
  return results;
}

/** Whether it came to an end. */
async function inTime(ending: Promise<unknown>): Promise<boolean> {
  try {
    await within(CLOSE_MS, ending, () => new Error('late'));
    return true;
  } catch {
    return false;
  }
}

function count(changes: readonly boolean[]): number {
  return changes.filter(Boolean).length;
}
