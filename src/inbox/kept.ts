import type { Settled } from '../dispatch/settled.js';
import type { PlainHeaders } from '../headers.js';

// What is kept as JSON, read back. Somebody may have changed it: one damaged delivery must not stop the worker for all.

export function headersIn(json: string | undefined): PlainHeaders {
  return parse(json, {});
}

export function settledIn(json: string | undefined): Settled {
  const entries = parse<[string, 'succeeded' | 'failed'][]>(json, []);
  return new Map(Array.isArray(entries) ? entries.filter(Array.isArray) : []);
}

function parse<T>(json: string | undefined, otherwise: T): T {
  try {
    return JSON.parse(json ?? '') ?? otherwise;
  } catch {
    return otherwise;
  }
}
