/** ISO 8601 with a zone; without one it would be read in the time zone of this machine. */
const ISO_8601 = /^\d{4}-\d\d-\d\dT.+(?:Z|[+-]\d\d:?\d\d)$/i;

/**
 * When an event happened: `created_on` (Unix seconds; guide "Using webhooks") or `timestamp` (ISO 8601; newer
 * developer portal); null when neither can be read as a time.
 */
export function occurredAt(event: { readonly created_on?: unknown; readonly timestamp?: unknown }): Date | null {
  const { created_on: seconds, timestamp } = event;
  const created = typeof seconds === 'number' ? validDate(seconds * 1000) : null;
  return created ?? (typeof timestamp === 'string' && ISO_8601.test(timestamp) ? validDate(timestamp) : null);
}

/** Why an event is too old, or undefined when it is not. An event without a readable time is too old for any limit. */
export function tooOld(occurredAt: Date | null, receivedAt: Date, maxAgeMs: number): Error | undefined {
  if (occurredAt === null) return new Error('The event has no readable time, and maxAgeMs is set.');
  const ageMs = receivedAt.getTime() - occurredAt.getTime();
  return ageMs > maxAgeMs ? new Error(`The event is ${ageMs} ms old, and maxAgeMs allows ${maxAgeMs} ms.`) : undefined;
}

function validDate(time: number | string): Date | null {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}
