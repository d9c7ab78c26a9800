/** When a delivery whose handler failed is tried again. */
export interface Retries {
  /**
   * The total number of attempts. Default 20, which takes about a day with the other defaults. An attempt during which
   * the process crashed counts.
   */
  readonly attempts?: number;
  /** The longest wait before the second attempt, in milliseconds. It doubles with each attempt. Default 1,000. */
  readonly baseMs?: number;
  /** The longest wait between two attempts, in milliseconds. Default 6 hours. */
  readonly maxMs?: number;
}

/**
 * Returns the milliseconds to wait after an attempt. Exponential backoff with full jitter spreads the retries, so that the
 * deliveries of an outage do not all run again at the same moment.
 */
export function retryDelay(attempt: number, { baseMs, maxMs }: Required<Retries>, random = Math.random): number {
  return Math.round(random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1)));
}
