/** ISO 8601 with a zone, because a time without one would be read in the time zone of this machine. */
const ISO_8601 = /^\d{4}-\d\d-\d\dT.+(?:Z|[+-]\d\d:?\d\d)$/i;

/**
 * Returns the time of an event from `created_on` (Unix seconds; guide "Using webhooks") or `timestamp` (ISO 8601; newer
 * developer portal), or null when neither is a valid time.
 */
export function occurredAt(event: { readonly created_on?: unknown; readonly timestamp?: unknown }): Date | null {
  const { created_on: seconds, timestamp } = event;
  const created = typeof seconds === 'number' ? validDate(seconds * 1000) : null;
  return created ?? (typeof timestamp === 'string' && ISO_8601.test(timestamp) ? validDate(timestamp) : null);
}

/** Returns an error for an event that is older than `maxAgeMs` or has no readable time, and undefined for any other. */
export function ageError(
  { occurredAt, receivedAt }: { readonly occurredAt: Date | null; readonly receivedAt: Date },
  maxAgeMs: number,
): Error | undefined {
  if (occurredAt === null) return new Error('The event has no readable time, and maxAgeMs is set.');
  const ageMs = receivedAt.getTime() - occurredAt.getTime();
  return ageMs > maxAgeMs ? new Error(`The event is ${ageMs} ms old, and maxAgeMs allows ${maxAgeMs} ms.`) : undefined;
}

function validDate(time: number | string): Date | null {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}
