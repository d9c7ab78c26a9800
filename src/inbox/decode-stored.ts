import type { Settled } from '../handlers/completed.js';
import type { PlainHeaders } from '../shared/headers.js';

// What is kept, read back. Another program may have changed it: one damaged delivery must not stop the worker for all, nor
// keep the others from being listed. What cannot be read becomes empty, and the attempt then ends as `not_readable`.

/** Milliseconds that a Date can hold. */
const LATEST = 8.64e15;

export function headersIn(json: unknown): PlainHeaders {
  const headers = parse(json);
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return {};
  return Object.fromEntries(
    Object.entries(headers).filter((each): each is [string, string | string[]] => isHeader(each[1])),
  );
}

export function settledIn(json: unknown): Settled {
  const entries = parse(json);
  return new Map(Array.isArray(entries) ? entries.filter(isSettled) : []);
}

/** The Unix epoch for what is not a time. */
export function timeIn(value: unknown): Date {
  const time = Number(value ?? 0);
  return new Date(Math.abs(time) <= LATEST ? time : 0);
}

function isHeader(value: unknown): boolean {
  const values = Array.isArray(value) ? value : [value];
  return values.every((each) => typeof each === 'string');
}

function isSettled(entry: unknown): entry is [string, 'succeeded' | 'failed'] {
  return Array.isArray(entry) && typeof entry[0] === 'string' && (entry[1] === 'succeeded' || entry[1] === 'failed');
}

function parse(json: unknown): unknown {
  try {
    return JSON.parse(String(json));
  } catch {
    return undefined;
  }
}
