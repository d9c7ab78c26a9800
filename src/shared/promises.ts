import { toError } from './errors.js';

/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/**
 * What the pipeline hands on: most steps have their result at once, and then nothing waits. Promises and the frames of
 * async functions were most of what a delivery allocated.
 */
export type MaybePromise<T> = T | Promise<T>;

/** The longest delay that Node's timers keep; a longer one would fire at once. */
export const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Goes on with a value: now when it is there, later when it is promised. */
export function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isPromised(value) ? value.then(next) : next(value);
}

/** Whether it comes later. Not by `instanceof`: there are libraries that replace the global Promise. */
export function isPromised<T>(value: MaybePromise<T>): value is Promise<T> {
  return isPromiseLike(value);
}

/** Calls, and goes on with the result or with what it threw or rejected with. Both may throw in their turn. */
export function attempt<T, R>(
  call: () => MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
  failed: (error: Error) => MaybePromise<R>,
): MaybePromise<R> {
  let value: MaybePromise<T>;
  try {
    value = call();
  } catch (thrown) {
    return failed(toError(thrown));
  }
  return isPromised(value) ? value.then(next, (thrown) => failed(toError(thrown))) : next(value);
}

/** Waits for what was promised no longer than `ms`, then rejects with `onTimeout()`. */
export function within<T>(ms: number, value: Awaitable<T>, onTimeout: () => Error): MaybePromise<T> {
  return isPromiseLike(value) ? inTime(ms, value, onTimeout) : value;
}

async function inTime<T>(ms: number, promised: PromiseLike<T>, onTimeout: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(onTimeout()), ms);
  });
  try {
    return await Promise.race([promised, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a value can be awaited. Reading a hostile `then` may throw; whoever awaits it contains that. */
export function isPromiseLike<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return ((typeof value === 'object' && value !== null) || typeof value === 'function') && 'then' in value;
}
