import { toError } from './error-text.js';

/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** The longest delay of Node's timers. A timer with a longer one would fire at once. */
export const LONGEST_DELAY_MS = 2 ** 31 - 1;

/**
 * Hot paths await only promises, so that a delivery whose steps are all synchronous does not pay for `await`. The test does
 * not use `instanceof`, because some libraries replace the global Promise.
 */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return isPromiseLike(value);
}

export function isPromiseLike<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && 'then' in value;
}

/** Waits at most `ms` for a result, then rejects with the error that `onTimeout` returns. */
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

/** Resolves to whether something ends successfully within `ms`. Calls `onFailure` with the reason if it does not. */
export async function endsWithin(
  ms: number,
  ending: Promise<unknown> | undefined,
  onFailure: (error: Error) => void = () => {},
): Promise<boolean> {
  try {
    await withTimeout(ms, ending, () => new Error(`It did not end within ${ms} ms.`));
    return true;
  } catch (thrown) {
    onFailure(toError(thrown));
    return false;
  }
}
