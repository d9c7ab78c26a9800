import { isUtf8 } from 'node:buffer';

/** A verified event of which nothing is known yet but its name. */
export interface ParsedEvent {
  readonly event: string;
  readonly data?: unknown;
  readonly created_on?: unknown;
  readonly timestamp?: unknown;
}

/** Why verified bytes are not an event. */
export type PayloadError = 'not_utf8' | 'not_json' | 'not_object' | 'no_event_name';

export type ParseResult = { readonly event: ParsedEvent } | { readonly reason: PayloadError };

/**
 * Parses verified bytes as an event. The object is JSON.parse's own, untouched: a member named `__proto__` stays a plain
 * own member, and nothing is dropped or renamed.
 */
export function parseEvent(bytes: Buffer): ParseResult {
  if (!isUtf8(bytes)) return { reason: 'not_utf8' };
  let value: unknown;
  try {
    // A byte order mark is left in, and JSON.parse refuses it, as RFC 8259 allows.
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { reason: 'not_json' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { reason: 'not_object' };
  return hasEventName(value) ? { event: value } : { reason: 'no_event_name' };
}

function hasEventName(value: object): value is ParsedEvent {
  const name: unknown = Object.hasOwn(value, 'event') ? Reflect.get(value, 'event') : undefined;
  return typeof name === 'string' && name.trim() !== '';
}
