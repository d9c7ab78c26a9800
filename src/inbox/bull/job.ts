import type { IQueueBackend, Job, Queue } from 'bullmq';
import type { Settled } from '../../dispatch/settled.js';
import type { LeasedDelivery, StoredDelivery } from '../../durable/store.js';
import type { Ending } from '../ending.js';
import { headersIn, settledIn } from '../kept.js';
import type { InboxDelivery, InboxState } from '../types.js';

/**
 * The data of a job. The body and the headers are text, not JSON: Postgres would keep JSON as jsonb, which is neither
 * byte-exact nor takes every string.
 */
export interface JobData {
  readonly body: string;
  readonly headers: string;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  /** Which adding it was: what was just added is so told from what was there before. */
  readonly call: string;
  /** What the last attempt came to, when it failed. */
  /** JSON as well. */
  readonly settled?: string;
  readonly ending?: Ending;
}

export type InboxQueue = Queue<JobData, void, string, JobData, void, string, IQueueBackend, unknown>;
export type InboxJob = Job<JobData, void>;

/** How often it is tried is up to the worker; this is the most that each engine's integers hold. */
export const NO_LIMIT = 2 ** 31 - 1;

export function newJob({ id, event, rawBody, headers, receivedAt }: StoredDelivery, call: string) {
  const timestamp = receivedAt.getTime();
  return {
    name: event,
    data: { body: rawBody.toString(), headers: JSON.stringify(headers), receivedAt: timestamp, call },
    opts: { jobId: id, timestamp, attempts: NO_LIMIT, backoff: { type: 'inbox' }, stackTraceLimit: 0 },
  };
}

export function storedIn({ id = '', name, data }: InboxJob): StoredDelivery {
  const { body, headers, receivedAt } = data;
  const rawBody = Buffer.from(String(body));
  return { id, event: name, rawBody, headers: headersIn(headers), receivedAt: new Date(receivedAt) };
}

export function leasedFrom(job: InboxJob): LeasedDelivery {
  return { ...storedIn(job), attempt: job.attemptsStarted, settled: settledIn(job.data.settled) };
}

/** The data after an attempt that failed. */
export function afterAttempt(data: JobData, settled: Settled, ending: Ending): JobData {
  return { ...data, settled: JSON.stringify([...settled]), ending };
}

/** The data of a delivery that is handled as if it had just come. */
export function asNew({ body, headers, receivedAt, call }: JobData): JobData {
  return { body, headers, receivedAt, call };
}

/** `leaseMs` is how long an attempt may take without being renewed: when it really ends, a job does not tell. */
export function deliveryIn(job: InboxJob, state: InboxState, leaseMs: number): InboxDelivery {
  const stored = storedIn(job);
  const { ending } = job.data;
  const { processedOn = 0, finishedOn = 0 } = job;
  const due = ending?.at ?? stored.receivedAt.getTime();
  const at = { waiting: due, active: processedOn + leaseMs, done: finishedOn, dead: finishedOn }[state];
  return {
    ...stored,
    state,
    attempts: job.attemptsStarted,
    at: new Date(at),
    ...(state === 'dead' && ending?.state === 'dead' && { reason: ending.reason }),
    ...(state !== 'done' && ending !== undefined && ending.state !== 'done' && { error: ending.error }),
  };
}
