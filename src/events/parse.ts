import { isUtf8 } from 'node:buffer';

/** A verified event. Only its name has been checked. */
export interface ParsedEvent {
  readonly event: string;
  readonly data?: unknown;
  readonly created_on?: unknown;
  readonly timestamp?: unknown;
}

/** The reason why verified bytes are not an event. */
export type PayloadError = 'not_utf8' | 'not_json' | 'not_object' | 'no_event_name';

export type ParseResult = { readonly event: ParsedEvent } | { readonly reason: PayloadError };

/**
 * Parses verified bytes as an event. The object is the unchanged result of JSON.parse, in which a member named `__proto__`
 * is an ordinary own member.
 */
export function parseEvent(bytes: Buffer): ParseResult {
  if (!isUtf8(bytes)) return { reason: 'not_utf8' };
  let value: unknown;
  try {
    // A byte order mark is kept, and JSON.parse refuses it, as RFC 8259 allows.
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { reason: 'not_json' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { reason: 'not_object' };
  return hasEventName(value) ? { event: value } : { reason: 'no_event_name' };
}

function hasEventName(value: object): value is ParsedEvent {
  return 'event' in value && typeof value.event === 'string' && value.event.trim() !== '';
}
