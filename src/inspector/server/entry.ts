import type { PlainHeaders } from '../../shared/headers.js';
import type { DeliverySummary, Origin, Run, ShownOutcome } from './protocol.js';

/** A request in the history. */
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
  /** The latest runs. */
  readonly runs: Run[];
  /** The number of all runs. */
  attempts: number;
  /** The signature as it was received. It stays in memory: neither the file nor the page gets it. */
  readonly signature: string | null;
}

export type NewEntry = Pick<Entry, 'id' | 'rawBody' | 'headers' | 'origin' | 'signature'>;

/** The state of a request that has just arrived. */
export function newState() {
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

const FINAL: ReadonlySet<ShownOutcome> = new Set(['handled', 'unhandled', 'duplicate', 'rejected', 'dead']);

/** Returns true when no further run is expected. */
export function isFinal({ outcome }: Entry): boolean {
  return FINAL.has(outcome);
}

/** Returns the size of an entry in bytes. Everything counts whose length a sender or a handler determines. */
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

/** Headers and messages mostly take one byte per character in memory. */
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
