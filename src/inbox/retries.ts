/** When a delivery whose handler failed is tried again. */
export interface Retries {
  /** Attempts in all. Default 20, which is about a day with the other defaults. A crash of the process counts as one. */
  readonly attempts?: number;
  /** The most milliseconds before the second attempt; each further wait may be twice as long. Default 1,000. */
  readonly baseMs?: number;
  /** The most milliseconds between two attempts. Default 6 hours. */
  readonly maxMs?: number;
}

/**
 * Milliseconds to wait after this attempt: exponential backoff with full jitter, any time from nothing to the most. The
 * deliveries of an outage so do not all come back in the same moment.
 */
export function delayAfter(attempt: number, { baseMs, maxMs }: Required<Retries>, random = Math.random): number {
  return Math.round(random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1)));
}
