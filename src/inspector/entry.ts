import type { PlainHeaders } from '../headers.js';
import type { DeliverySummary, Origin, Run, ShownOutcome } from './protocol.js';

/** A request as it is remembered. */
export interface Entry {
  readonly key: number;
  readonly id: string | null;
  event: string | null;
  readonly at: number;
  readonly rawBody: Buffer;
  readonly headers: PlainHeaders;
  readonly origin: Origin;
  outcome: ShownOutcome;
  status: number | null;
  reason: string | null;
  cause: string | null;
  durationMs: number | null;
  drift: readonly string[];
  /** The latest. */
  readonly runs: Run[];
  /** How many there were. */
  attempts: number;
  /** As it came. It stays in memory: neither the file nor the page gets it. */
  readonly signature: string | null;
}

export type NewEntry = Pick<Entry, 'id' | 'rawBody' | 'headers' | 'origin' | 'signature'>;

/** What is known of a request that has just come. */
export function arrived() {
  return {
    event: null,
    outcome: 'running',
    status: null,
    reason: null,
    cause: null,
    durationMs: null,
    drift: [],
    runs: [] as Run[],
    attempts: 0,
  } as const satisfies Partial<Entry>;
}

const OVER: ReadonlySet<ShownOutcome> = new Set(['handled', 'unhandled', 'duplicate', 'rejected', 'dead']);

/** Whether nothing more is due. */
export function isOver({ outcome }: Entry): boolean {
  return OVER.has(outcome);
}

/** How much memory an entry takes, in bytes: everything that a sender or a handler can make long counts. */
export function sizeOf({ rawBody, headers, signature, cause, drift, runs }: Entry): number {
  let size = rawBody.length + lengthOf([signature, cause, drift]);
  for (const name in headers) size += name.length + lengthOf([headers[name]]);
  for (const { error, handlers } of runs) {
    size += lengthOf([error]);
    for (const handler of handlers) size += lengthOf([handler.name, handler.error]);
  }
  return size;
}

type Text = string | null | undefined;

/** Texts of headers and messages mostly take a byte for each character. */
function lengthOf(texts: readonly (Text | readonly string[])[]): number {
  let length = 0;
  for (const text of texts) length += typeof text === 'string' ? text.length : lengthOf(text ?? []);
  return length;
}

export function summaryOf(entry: Entry): DeliverySummary {
  const { key, id, event, at, rawBody, outcome, status, reason, durationMs, attempts, origin } = entry;
  return {
    key,
    id,
    event,
    at,
    bytes: rawBody.length,
    outcome,
    status,
    reason,
    durationMs,
    attempts,
    origin,
  };
}
