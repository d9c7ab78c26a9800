/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** The longest delay that Node's timers keep; a longer one would fire at once. */
export const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Calls `start` and waits for what it promises no longer than `ms`, then rejects with `onTimeout()`. */
export async function within<T>(ms: number, start: () => Awaitable<T>, onTimeout: () => Error): Promise<T> {
  const started = start();
  if (!isPromiseLike(started)) return started;
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(onTimeout()), ms);
  });
  try {
    return await Promise.race([started, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a value can be awaited. Reading a hostile `then` may throw; whoever awaits it contains that. */
export function isPromiseLike<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && 'then' in value;
}
