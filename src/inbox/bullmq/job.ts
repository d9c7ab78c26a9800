import type { IQueueBackend, Job, Queue } from 'bullmq';
import type { CompletedHandlers, LeasedDelivery, StoredDelivery } from '../../delivery/stored-delivery.js';
import { recordOf } from '../../shared/record-of.js';
import type { InboxDelivery, InboxState } from '../contract.js';
import { decodeStoredHandlers, decodeStoredHeaders, decodeStoredTime, parseStoredJson } from '../decode-stored.js';
import type { Transition } from '../next-state.js';

/**
 * The data of a job. The body and the headers are text, because Postgres would store JSON as jsonb, which does not keep
 * the exact bytes and refuses some strings.
 */
export interface JobData {
  readonly body: string;
  readonly headers: string;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  /** The id of the call that added the job. It tells a job that was just added from one that existed before. */
  readonly addedBy: string;
  /** The handlers that earlier attempts completed, as JSON. */
  readonly completed?: string;
  /** The result of the last attempt if it failed. */
  readonly transition?: Transition;
}

export type InboxQueue = Queue<JobData, void, string, JobData, void, string, IQueueBackend, unknown>;
export type InboxJob = Job<JobData, void>;

/** The largest integer that every backend can store. BullMQ needs no limit, because runAttempt limits the attempts. */
export const UNLIMITED = 2 ** 31 - 1;

export function newJob({ id, event, rawBody, headers, receivedAt }: StoredDelivery, addedBy: string) {
  const timestamp = receivedAt.getTime();
  return {
    name: event,
    data: { body: rawBody.toString(), headers: JSON.stringify(headers), receivedAt: timestamp, addedBy },
    opts: { jobId: id, timestamp, attempts: UNLIMITED, backoff: { type: 'inbox' }, stackTraceLimit: 0 },
  };
}

/** The members are unknown, because another program may have changed the data. */
function dataOf(job: InboxJob): Partial<Record<keyof JobData, unknown>> {
  return recordOf(job.data);
}

export function toStoredDelivery(job: InboxJob): StoredDelivery {
  const { id = '', name } = job;
  const { body, headers, receivedAt } = dataOf(job);
  return {
    id,
    event: String(name),
    rawBody: Buffer.from(String(body ?? '')),
    headers: decodeStoredHeaders(headers),
    receivedAt: decodeStoredTime(receivedAt),
  };
}

export function toLeasedDelivery(job: InboxJob): LeasedDelivery {
  const completed = decodeStoredHandlers(dataOf(job).completed);
  return { ...toStoredDelivery(job), attempt: job.attemptsStarted, completed };
}

/** `leaseMs` estimates when an active job's lease expires, because BullMQ does not store that. */
export function toInboxDelivery(job: InboxJob, state: InboxState, leaseMs: number): InboxDelivery {
  const stored = toStoredDelivery(job);
  const transition = decodeTransition(dataOf(job).transition);
  const { processedOn = 0, finishedOn = 0 } = job;
  const due = transition?.at ?? stored.receivedAt.getTime();
  const at = { waiting: due, active: processedOn + leaseMs, done: finishedOn, dead: finishedOn }[state];
  return {
    ...stored,
    state,
    attempts: job.attemptsStarted,
    at: decodeStoredTime(at),
    ...(state === 'dead' && transition?.state === 'dead' && { reason: transition.reason }),
    ...(state !== 'done' && transition !== undefined && 'error' in transition && { error: transition.error }),
  };
}

/** The data after an attempt that failed. */
export function failedData(job: InboxJob, completed: CompletedHandlers, transition: Transition): JobData {
  return { ...initialData(job), completed: JSON.stringify([...completed]), transition };
}

/** The data without the traces of earlier attempts. */
export function initialData(job: InboxJob): JobData {
  const { body, headers, receivedAt, addedBy } = dataOf(job);
  return {
    body: String(body ?? ''),
    headers: String(headers ?? ''),
    receivedAt: decodeStoredTime(receivedAt).getTime(),
    addedBy: String(addedBy ?? ''),
  };
}

/** The job class for BullMQ's queues and workers. It reads data that is not JSON as null where BullMQ would throw. */
export function tolerantJobClass(BullJob: typeof Job): typeof Job {
  const { fromJSON } = BullJob;
  return Object.assign(class extends BullJob {}, {
    fromJSON(this: typeof Job, ...[queue, json, id]: Parameters<typeof fromJSON>): Job {
      const data = parseStoredJson(json.data) === undefined ? 'null' : json.data;
      return fromJSON.call(this, queue, { ...json, data }, id);
    },
  }) as typeof Job;
}

function decodeTransition(stored: unknown): Transition | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  return 'error' in stored && typeof stored.error !== 'string' ? undefined : (stored as Transition);
}
