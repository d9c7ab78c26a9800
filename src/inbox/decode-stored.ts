import type { CompletedHandlers } from '../delivery/stored-delivery.js';
import type { PlainHeaders } from '../shared/headers.js';
import { recordOf } from '../shared/record-of.js';

// Another program may have changed what is stored. One damaged delivery must neither stop the worker nor keep the other
// deliveries from being listed, so a value that cannot be decoded becomes an empty one.

/** The latest time that a Date can hold, in Unix milliseconds. */
export const MAX_TIME_MS = 8.64e15;

export function decodeStoredHeaders(json: unknown): PlainHeaders {
  const headers = parseStoredJson(json);
  if (Array.isArray(headers)) return {};
  return Object.fromEntries(
    Object.entries(recordOf(headers)).filter((entry): entry is [string, string | string[]] => isHeaderValue(entry[1])),
  );
}

export function decodeStoredHandlers(json: unknown): CompletedHandlers {
  const entries = parseStoredJson(json);
  return new Map(Array.isArray(entries) ? entries.filter(isCompletedHandler) : []);
}

/** Decodes Unix milliseconds. The epoch stands for an invalid time. */
export function decodeStoredTime(value: unknown): Date {
  const time = Number(value ?? 0);
  return new Date(Math.abs(time) <= MAX_TIME_MS ? time : 0);
}

/** Returns undefined for text that is not JSON. */
export function parseStoredJson(json: unknown): unknown {
  try {
    return JSON.parse(String(json));
  } catch {
    return undefined;
  }
}

function isHeaderValue(value: unknown): boolean {
  const values = Array.isArray(value) ? value : [value];
  return values.every((each) => typeof each === 'string');
}

function isCompletedHandler(entry: unknown): entry is [string, 'succeeded' | 'failed'] {
  return Array.isArray(entry) && typeof entry[0] === 'string' && (entry[1] === 'succeeded' || entry[1] === 'failed');
}
