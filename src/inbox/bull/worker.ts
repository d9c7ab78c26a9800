import type { Worker } from 'bullmq';
import type { Attempt, DurableWorker, WorkerHooks, WorkOptions } from '../../durable/store.js';
import { CRASHED, type Ending, endingOf } from '../ending.js';
import type { InboxSettings } from '../types.js';
import type { Engine } from './engine.js';
import { afterAttempt, type InboxJob, leasedFrom, NO_LIMIT, storedIn } from './job.js';

/** How soon a worker asks again when its server is away. */
const RETRY_MS = 1_000;

/** By this name BullMQ knows that it shall not try again. */
class Dead extends Error {
  override readonly name = 'UnrecoverableError';

  constructor(readonly ending: Extract<Ending, { state: 'dead' }>) {
    super(ending.error);
  }
}

class Again extends Error {
  constructor(readonly ending: Extract<Ending, { state: 'waiting' }>) {
    super(ending.error);
  }
}

export function startBullWorker(
  { Worker: BullWorker, engine, name }: { Worker: typeof Worker; engine: Engine; name: string },
  settings: InboxSettings,
  attempt: Attempt,
  { concurrency, dead, storeFailed }: WorkOptions & WorkerHooks,
): DurableWorker {
  const { leaseMs, retries } = settings;

  async function process(job: InboxJob, token = ''): Promise<void> {
    const leased = leasedFrom(job);
    const verdict = leased.attempt > retries.attempts ? CRASHED : await attempt(leased);
    const ending = endingOf(verdict, leased.attempt, settings);
    if (ending.state === 'done') return;
    // Somebody else has it by now when the lease was lost; this attempt must not leave its traces in that one.
    if (!(await job.extendLock(token, leaseMs))) throw new Error('The lease was lost during the attempt.');
    await job.updateData(afterAttempt(job.data, leased.settled, ending));
    throw ending.state === 'dead' ? new Dead(ending) : new Again(ending);
  }

  const own = engine.openWorker(concurrency);
  const worker = new BullWorker(
    name,
    process,
    {
      connection: own.connection,
      concurrency,
      lockDuration: leaseMs,
      lockRenewTime: leaseMs / 3,
      // A lease that is over is noticed at the second look.
      stalledInterval: Math.max(1, leaseMs / 2),
      // A crash counts as an attempt, and it is attempts that are limited.
      maxStalledCount: NO_LIMIT,
      runRetryDelay: RETRY_MS,
      settings: {
        backoffStrategy: (_made, _type, error) =>
          error instanceof Again ? Math.max(0, error.ending.at - Date.now()) : RETRY_MS,
      },
    },
    engine.backend,
  );
  worker.on('error', storeFailed);
  worker.on('failed', (job, error) => {
    if (job !== undefined && error instanceof Dead) dead(storedIn(job), error.ending.reason, new Error(error.message));
  });
  let stopped: Promise<void> | undefined;
  return {
    stop: () => {
      stopped ??= worker.close().then(async () => void (await own.close()));
      return stopped;
    },
  };
}
