/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** The longest delay that Node's timers keep; a longer one would fire at once. */
export const LONGEST_DELAY_MS = 2 ** 31 - 1;

/**
 * Whether a result comes later. The pipeline asks at its hot seams, so that a delivery whose steps are all synchronous does
 * not pay for promises. It does not use `instanceof`, because some libraries replace the global Promise.
 */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return isPromiseLike(value);
}

/** Whether a value can be awaited. */
export function isPromiseLike<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && 'then' in value;
}

/** Waits for a result for at most `ms`, then rejects with `onTimeout()`. */
export async function withTimeout<T>(ms: number, pending: Awaitable<T>, onTimeout: () => Error): Promise<T> {
  if (!isPromiseLike(pending)) return pending;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(onTimeout()), ms);
  });
  try {
    return await Promise.race([pending, expired]);
  } finally {
    clearTimeout(timer);
  }
}
