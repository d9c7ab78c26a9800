import { setTimeout as sleep } from 'node:timers/promises';

/** A signal that aborts with the first of several. */
export interface Combined {
  readonly signal: AbortSignal;
  /** Lets go of the others, which may live much longer. */
  release(): void;
}

/**
 * As AbortSignal.any(), and it can be released. In Node 20, AbortSignal.any() keeps about 2 KB per call for as long as one of the
 * signals lives.
 */
export function combined(...signals: readonly (AbortSignal | undefined)[]): Combined {
  const controller = new AbortController();
  const given = signals.filter((each) => each !== undefined);
  const abort = (): void => controller.abort(given.find(({ aborted }) => aborted)?.reason);
  for (const each of given) each.addEventListener('abort', abort, { once: true });
  if (given.some(({ aborted }) => aborted)) abort();
  return {
    signal: controller.signal,
    release: () => {
      for (const each of given) each.removeEventListener('abort', abort);
    },
  };
}

/** What was promised, or the signal's reason as soon as it aborts. What was promised goes on for whoever shares it. */
export async function unlessAborted<T>(promised: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promised;
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promised, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Waits, unless the signal aborts: then it rejects with its reason. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (thrown) {
    signal?.throwIfAborted();
    throw thrown;
  }
}
