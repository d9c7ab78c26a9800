import { setTimeout as sleep } from 'node:timers/promises';
import type { IQueueBackend, JobProgress, Worker } from 'bullmq';
import type { Attempt, CompletedHandlers, InboxWorker, WorkerOptions } from '../../delivery/stored-delivery.js';
import { toError } from '../../shared/error-text.js';
import type { InboxSettings } from '../contract.js';
import { InboxError } from '../inbox-error.js';
import { type EndedAttempt, reportDeadLetter, runAttempt } from '../next-state.js';
import { failedData, type InboxJob, type JobData, toLeasedDelivery, toStoredDelivery, UNLIMITED } from './job.js';
import type { QueueBackend, WorkerConnection } from './queue-backend.js';

/** How long a worker waits before it tries again to reach its server. */
const RETRY_MS = 1_000;

/** An attempt that has ended, but which BullMQ has not recorded yet. */
interface UnrecordedAttempt extends EndedAttempt {
  /** The number of times that BullMQ had started the job. */
  readonly attemptsStarted: number;
  readonly completed: CompletedHandlers;
}

// Both messages start with words of ours, because BullMQ gives some messages a meaning of its own.

/** Makes BullMQ retry the job at `at` (Unix milliseconds). */
class RetryLater extends Error {
  constructor(
    readonly at: number,
    error: string,
  ) {
    super(`The attempt failed: ${error}`);
  }
}

/** Makes BullMQ move the job to its failed jobs. BullMQ recognizes the name. */
class DeadLetter extends Error {
  override readonly name = 'UnrecoverableError';

  constructor(
    readonly ended: EndedAttempt,
    error: string,
  ) {
    super(`No further attempt: ${error}`);
  }
}

/** A BullMQ worker that attempts the deliveries of an inbox. */
export class BullmqWorker implements InboxWorker {
  /**
   * By job id. If BullMQ cannot record the result of an attempt, it runs the job again. The handlers must not run again
   * then, so the result is recorded from here.
   */
  readonly #unrecorded = new Map<string, UnrecordedAttempt>();
  readonly #connection: WorkerConnection;
  readonly #worker: { close(): Promise<void>; abandon(): Promise<void> };
  #stopped: Promise<void> | undefined;

  constructor(
    BullWorker: typeof Worker,
    jobClass: PropertyDescriptor,
    backend: QueueBackend,
    private readonly settings: InboxSettings,
    private readonly attempt: Attempt,
    private readonly options: WorkerOptions,
  ) {
    const { leaseMs } = settings;
    this.#connection = backend.connectWorker(options.concurrency);
    class OwnWorker extends BullWorker<JobData, void, string, IQueueBackend, JobProgress, unknown> {
      /** After an error, BullMQ waits 5 s before it looks for expired leases again, even when it is closed meanwhile. */
      protected override checkConnectionError<T>(look: () => Promise<T>): Promise<T | undefined> {
        return super.checkConnectionError(look, 0);
      }

      /** Ends its timers, which BullMQ ends only after its server has answered everything. */
      async abandon(): Promise<void> {
        await Promise.all([this.lockManager.close(), this.pause(true)]);
      }
    }

    const worker = new OwnWorker(
      settings.name,
      (job: InboxJob, token) => this.#process(job, token),
      {
        connection: this.#connection.connection,
        concurrency: options.concurrency,
        lockDuration: leaseMs,
        lockRenewTime: leaseMs / 3,
        // BullMQ needs two checks to find that a lease has expired.
        stalledInterval: Math.max(1, leaseMs / 2),
        // A crash counts as an attempt, and runAttempt limits the attempts.
        maxStalledCount: UNLIMITED,
        runRetryDelay: RETRY_MS,
        settings: {
          backoffStrategy: (_attemptsMade, _type, error) =>
            error instanceof RetryLater ? Math.max(0, error.at - Date.now()) : RETRY_MS,
        },
      },
      backend.createBackend,
    );
    Object.defineProperty(worker, 'Job', jobClass);
    worker.on('error', options.onStoreError);
    worker.on('completed', ({ id = '' }) => this.#unrecorded.delete(id));
    worker.on('failed', (job, error) => {
      if (job === undefined || !(error instanceof DeadLetter || error instanceof RetryLater)) return;
      this.#unrecorded.delete(job.id ?? '');
      if (error instanceof DeadLetter) reportDeadLetter(toStoredDelivery(job), error.ended, options);
    });
    this.#worker = worker;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#worker.close().then(async () => void (await this.#connection.close()));
    return this.#stopped;
  }

  /** Ends its timers and connections without waiting for attempts, for a server that does not answer. */
  abandon(): Promise<unknown> {
    return Promise.all([this.#worker.abandon(), this.#connection.close()]);
  }

  /** The function that BullMQ runs for a job. It throws to make BullMQ retry the job or give it up. */
  async #process(job: InboxJob, token = ''): Promise<void> {
    const { id = '', attemptsStarted } = job;
    const previous = this.#unrecorded.get(id);
    const ended = previous?.attemptsStarted === attemptsStarted - 1 ? previous : await this.#run(job);
    this.#unrecorded.set(id, { ...ended, attemptsStarted });
    const { transition } = ended;
    if (transition.state === 'done') return;
    await this.#updateJob(job, token, ended);
    throw transition.state === 'dead'
      ? new DeadLetter(ended, transition.error)
      : new RetryLater(transition.at, transition.error);
  }

  async #run(job: InboxJob): Promise<UnrecordedAttempt> {
    const leased = toLeasedDelivery(job);
    const ended = await runAttempt(leased, this.attempt, this.settings);
    return { ...ended, attemptsStarted: job.attemptsStarted, completed: leased.completed };
  }

  /** Retries until the server accepts the result of the attempt. BullMQ renews the lease meanwhile. */
  async #updateJob(job: InboxJob, token: string, { completed, transition }: UnrecordedAttempt): Promise<void> {
    for (;;) {
      try {
        // An attempt that lost its lease must not change the job, which another worker may be running.
        if (!(await job.extendLock(token, this.settings.leaseMs))) break;
        return await job.updateData(failedData(job, completed, transition));
      } catch (thrown) {
        this.options.onStoreError(toError(thrown));
        if (this.#stopped !== undefined) throw thrown;
        await sleep(RETRY_MS);
      }
    }
    this.#unrecorded.delete(job.id ?? '');
    throw new InboxError('LEASE_LOST', 'The lease expired during the attempt.');
  }
}
