import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'bullmq';
import type { Attempt, DurableWorker, Verdict, WorkerHooks, WorkOptions } from '../../delivery/stored-delivery.js';
import type { Settled } from '../../handlers/completed.js';
import { toError } from '../../shared/errors.js';
import type { InboxSettings } from '../contract.js';
import { InboxError } from '../engine-error.js';
import { CRASHED, type Ending, endingOf } from '../next-state.js';
import { afterAttempt, type InboxJob, leasedFrom, NO_LIMIT, storedIn } from './job.js';
import type { Engine } from './queue-backend.js';

/** How soon a worker asks again when its server is away. */
const RETRY_MS = 1_000;

/** How an attempt ended, until that is written down. */
interface Ended {
  readonly attempt: number;
  readonly ending: Ending;
  readonly verdict: Verdict;
  readonly settled: Settled;
}

/** By this name BullMQ knows that it shall not try again. Its message is ours: BullMQ reads meaning into some. */
class Dead extends Error {
  override readonly name = 'UnrecoverableError';

  constructor(
    readonly ending: Extract<Ending, { state: 'dead' }>,
    readonly verdict: Verdict,
  ) {
    super(`No further attempt: ${ending.error}`);
  }
}

class Again extends Error {
  constructor(readonly ending: Extract<Ending, { state: 'waiting' }>) {
    super(`The attempt failed: ${ending.error}`);
  }
}

export function startBullWorker(
  {
    Worker: BullWorker,
    jobs,
    engine,
    name,
  }: { Worker: typeof Worker; jobs: PropertyDescriptor; engine: Engine; name: string },
  settings: InboxSettings,
  attempt: Attempt,
  { concurrency, dead, storeFailed }: WorkOptions & WorkerHooks,
): BullWorking {
  const { leaseMs, retries } = settings;
  /**
   * By id. BullMQ takes an ending that it could not write down for a failure, and brings the job again: then the handlers
   * must not run, but their ending be written.
   */
  const ended = new Map<string, Ended>();

  async function process(job: InboxJob, token = ''): Promise<void> {
    const { id = '' } = job;
    const before = ended.get(id);
    const isSame = before !== undefined && before.attempt === job.attemptsStarted - 1;
    const { ending, verdict, settled } = isSame ? before : await run(job);
    ended.set(id, { attempt: job.attemptsStarted, ending, verdict, settled });
    if (ending.state === 'done') return;
    await writeDown(job, token, settled, ending);
    throw ending.state === 'dead' ? new Dead(ending, verdict) : new Again(ending);
  }

  async function run(job: InboxJob): Promise<Omit<Ended, 'attempt'>> {
    const leased = leasedFrom(job);
    const verdict = leased.attempt > retries.attempts ? CRASHED : await attempt(leased);
    return { ending: endingOf(verdict, leased.attempt, settings), verdict, settled: leased.settled };
  }

  /** As often as it takes: the lease is renewed meanwhile. */
  async function writeDown(job: InboxJob, token: string, settled: Settled, ending: Ending): Promise<void> {
    for (;;) {
      try {
        // Somebody else has it by now when the lease was lost; this attempt must not leave its traces in that one.
        if (!(await job.extendLock(token, leaseMs))) break;
        return await job.updateData(afterAttempt(job, settled, ending));
      } catch (thrown) {
        storeFailed(toError(thrown));
        if (stopped !== undefined) throw thrown;
        await sleep(RETRY_MS);
      }
    }
    ended.delete(job.id ?? '');
    throw new InboxError('LEASE_LOST', 'The lease was lost during the attempt.');
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
  Object.defineProperty(worker, 'Job', jobs);
  worker.on('error', storeFailed);
  worker.on('completed', ({ id = '' }) => ended.delete(id));
  worker.on('failed', (job, error) => {
    if (job === undefined || !(error instanceof Dead || error instanceof Again)) return;
    ended.delete(job.id ?? '');
    if (error instanceof Dead && 'error' in error.verdict) {
      dead(storedIn(job), error.ending.reason, error.verdict.error);
    }
  });
  let stopped: Promise<void> | undefined;
  return {
    stop: () => {
      stopped ??= worker.close().then(async () => void (await own.close()));
      return stopped;
    },
    abandon: () => own.close(),
  };
}

/** A worker that can be left behind when its server is silent. */
export interface BullWorking extends DurableWorker {
  abandon(): Promise<unknown>;
}
