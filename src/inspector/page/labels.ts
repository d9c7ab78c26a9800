import type { RejectionReason } from '../../delivery/outcome.js';
import type { DeadReason } from '../../delivery/stored-delivery.js';
import type { DeliverySummary, ShownOutcome } from '../server/protocol.js';

/** Explains each outcome on the page of a delivery. */
export const OUTCOMES: Record<ShownOutcome, string> = {
  running: 'Its handlers are running.',
  handled: 'Verified; every handler succeeded.',
  unhandled: 'Verified; no handler listens to this event.',
  duplicate: 'Verified; the same bytes were handled before, so no handler ran.',
  stored: 'Verified and stored in the inbox; a worker runs its handlers.',
  rejected: 'Refused before any handler ran.',
  failed: 'Verified; a handler failed.',
  dead: 'A dead letter: the inbox keeps it, and no worker tries it again.',
};

const REASONS: Record<RejectionReason, string> = {
  missing: 'It has no signature.',
  malformed: 'Its signature is not the base64 of 32 bytes, or came more than once.',
  mismatch: 'Its signature is for other bytes or made with another key.',
  too_old: 'Its signed time is older than maxAgeMs allows, or cannot be read.',
  wrong_key_for_event: 'It is signed with the key of another event.',
  not_utf8: 'Its body is not UTF-8.',
  not_json: 'Its body is not JSON.',
  not_object: 'Its body is not a JSON object.',
  no_event_name: 'Its body does not name an event.',
  schema_mismatch: 'Your schema refuses its data.',
  schema_failed: 'Your schema threw, or took too long.',
  body_too_large: 'Its body is larger than `limit`.',
  content_encoding: 'Its body is compressed.',
  method: 'Its method is not POST.',
  body_timeout: 'Its body did not arrive in time.',
  body_aborted: 'The sender closed the connection before the end of the body.',
  body_consumed: 'Another parser read the body first and did not keep its bytes.',
  running_elsewhere: 'Another process is running it.',
  keys_unavailable: 'The keys could not be loaded.',
  dedupe_unavailable: 'The dedupe store did not answer.',
  inbox_unavailable: 'The inbox could not store it.',
  closing: 'The receiver is closing.',
  internal: 'An error in the receiver.',
};

const DEAD_REASONS: Record<DeadReason, string> = {
  attempts_exhausted: 'Every attempt failed.',
  permanent_error: 'A handler threw a permanent error.',
  schema_mismatch: 'Your schema refuses its data.',
  not_readable: 'The stored bytes cannot be read.',
};

export function reasonLabel(outcome: ShownOutcome, reason: string): string {
  const labels: Record<string, string> = outcome === 'dead' ? DEAD_REASONS : REASONS;
  return labels[reason] ?? reason;
}

/** Names a delivery in the list. A payload that is not verified is not searched for its name. */
export function nameOf({ event, outcome, reason }: Pick<DeliverySummary, 'event' | 'outcome' | 'reason'>): string {
  if (event !== null) return event;
  if (outcome === 'running') return '···';
  return reason !== null && UNNAMED.has(reason) ? 'no event name' : 'unverified';
}

/** The reasons of a refusal after the signature was verified. */
const UNNAMED: ReadonlySet<string> = new Set(['not_utf8', 'not_json', 'not_object', 'no_event_name']);

export function milliseconds(ms: number | null): string {
  if (ms === null) return '';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}

export function bytes(count: number): string {
  return count < 1024 ? `${count} B` : `${(count / 1024).toFixed(1)} KiB`;
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}
