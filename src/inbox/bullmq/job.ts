import type { IQueueBackend, Job, Queue } from 'bullmq';
import type { LeasedDelivery, StoredDelivery } from '../../delivery/stored-delivery.js';
import type { Settled } from '../../handlers/completed.js';
import type { InboxDelivery, InboxState } from '../contract.js';
import { headersIn, settledIn, timeIn } from '../decode-stored.js';
import type { Ending } from '../next-state.js';

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
  /** As JSON: the handlers that earlier attempts are done with. */
  readonly settled?: string;
  /** The result of the last attempt, when it failed. */
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

/** The data as far as it has the right shape: another program may have changed it. */
function dataOf({ data }: InboxJob): Partial<JobData> {
  return typeof data === 'object' && data !== null ? data : {};
}

export function storedIn(job: InboxJob): StoredDelivery {
  const { id = '', name } = job;
  const { body, headers, receivedAt } = dataOf(job);
  const rawBody = Buffer.from(String(body ?? ''));
  return { id, event: String(name), rawBody, headers: headersIn(headers), receivedAt: timeIn(receivedAt) };
}

export function leasedFrom(job: InboxJob): LeasedDelivery {
  return { ...storedIn(job), attempt: job.attemptsStarted, settled: settledIn(dataOf(job).settled) };
}

/** The data after an attempt that failed. */
export function afterAttempt(job: InboxJob, settled: Settled, ending: Ending): JobData {
  return { ...asNew(job), settled: JSON.stringify([...settled]), ending };
}

/** The data of a delivery that is handled as if it had just come. */
export function asNew(job: InboxJob): JobData {
  const { body = '', headers = '', receivedAt = 0, call = '' } = dataOf(job);
  return { body, headers, receivedAt, call };
}

/** The job class of BullMQ's queues and workers. Data that is not JSON becomes null in place of an error. */
export function tolerant(BullJob: typeof Job): typeof Job {
  const { fromJSON } = BullJob;
  return Object.assign(class extends BullJob {}, {
    fromJSON(this: typeof Job, ...[queue, json, id]: Parameters<typeof fromJSON>): Job {
      return fromJSON.call(this, queue, { ...json, data: isJson(json.data) ? json.data : 'null' }, id);
    },
  }) as typeof Job;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** `leaseMs` is how long an attempt may take without being renewed: when it really ends, a job does not tell. */
export function deliveryIn(job: InboxJob, state: InboxState, leaseMs: number): InboxDelivery {
  const stored = storedIn(job);
  const ending = endingIn(dataOf(job).ending);
  const { processedOn = 0, finishedOn = 0 } = job;
  const due = ending?.at ?? stored.receivedAt.getTime();
  const at = { waiting: due, active: processedOn + leaseMs, done: finishedOn, dead: finishedOn }[state];
  return {
    ...stored,
    state,
    attempts: job.attemptsStarted,
    at: timeIn(at),
    ...(state === 'dead' && ending?.state === 'dead' && { reason: ending.reason }),
    ...(state !== 'done' && ending !== undefined && ending.state !== 'done' && { error: ending.error }),
  };
}

function endingIn(kept: Ending | undefined): Ending | undefined {
  const isWhole =
    typeof kept === 'object' && kept !== null && ('error' in kept ? typeof kept.error === 'string' : true);
  return isWhole ? kept : undefined;
}
