import type { DeadReason, LeasedDelivery, StoredDelivery } from '../../delivery/stored-delivery.js';
import { INBOX_STATES, type InboxEntry, type InboxState } from '../contract.js';
import { decodeStoredHandlers, decodeStoredHeaders, decodeStoredTime, MAX_TIME_MS } from '../decode-stored.js';

/** A delivery that a worker of this process holds a lease on. */
export interface Lease extends LeasedDelivery {
  /** Grows with each lease of a delivery, so that a worker whose lease expired can change nothing any more. */
  readonly fence: number;
}

/** A row as queries return it, with texts as bytes and integers within the range of a Date. */
export interface Row {
  readonly id: Uint8Array;
  readonly event: Uint8Array;
  readonly body: Uint8Array | null;
  readonly headers: Uint8Array;
  readonly received_at: number;
  readonly state: Uint8Array;
  readonly at: number;
  readonly attempt: number;
  readonly fence: number;
  readonly completed: Uint8Array;
  readonly reason: Uint8Array | null;
  readonly error: Uint8Array | null;
}

// SQLite stores any value in any column, and another program may have changed a row. The driver ends the process when it
// reads a text that is not UTF-8, and refuses large integers, so queries read texts as bytes and clamp integers.

export const asBytes = (column: string): string => `CAST(${column} AS BLOB) AS ${column}`;
export const clamped = (column: string): string => `max(0, min(CAST(${column} AS INTEGER), ${MAX_TIME_MS}))`;
const asInteger = (column: string): string => `${clamped(column)} AS ${column}`;

export const ENTRY_COLUMNS = [
  ...['id', 'event', 'state', 'reason', 'error'].map(asBytes),
  ...['received_at', 'at', 'attempt'].map(asInteger),
].join();
export const DELIVERY_COLUMNS = `${ENTRY_COLUMNS}, ${['body', 'headers'].map(asBytes).join()}`;
/** The fence is read unchanged, because it is compared with what the row holds. */
export const LEASE_COLUMNS = `${DELIVERY_COLUMNS}, ${asBytes('completed')}, fence`;

export function decodeEntry({ id, event, received_at, state, at, attempt, reason, error }: Row): InboxEntry {
  return {
    id: decodeText(id),
    event: decodeText(event),
    receivedAt: decodeStoredTime(received_at),
    state: decodeState(state),
    attempts: attempt,
    at: decodeStoredTime(at),
    ...(reason !== null && { reason: decodeText(reason) as DeadReason }),
    ...(error !== null && { error: decodeText(error) }),
  };
}

export function decodeDelivery({ id, event, body, headers, received_at }: Row): StoredDelivery {
  return {
    id: decodeText(id),
    event: decodeText(event),
    rawBody: Buffer.from(body ?? []),
    headers: decodeStoredHeaders(decodeText(headers)),
    receivedAt: decodeStoredTime(received_at),
  };
}

export function decodeLease(row: Row): Lease {
  const completed = decodeStoredHandlers(decodeText(row.completed));
  return { ...decodeDelivery(row), attempt: row.attempt, completed, fence: row.fence };
}

/** Decodes a state that does not exist as `dead`, because no worker leases such a row. */
export function decodeState(state: Uint8Array): InboxState {
  return INBOX_STATES.find((each) => each === decodeText(state)) ?? 'dead';
}

export function decodeText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
