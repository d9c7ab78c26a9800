import { isPermanent } from '../shared/errors.js';
import type { KeyedHandler, Match } from './registry.js';

/**
 * The handlers of a stored delivery that need not run again, by their keys: they succeeded, or failed for good in a
 * PermanentError.
 */
export type Settled = Map<string, 'succeeded' | 'failed'>;

/** The handlers that are not settled yet. Each settles itself when it is done. */
export function unsettled<A extends unknown[]>(
  { named, handlers }: Match<KeyedHandler<(...args: A) => unknown>>,
  settled: Settled,
): Match<(...args: A) => unknown> {
  const due = handlers.filter(({ key }) => !settled.has(key));
  return { named, handlers: due.map((keyed) => settling(keyed, settled)) };
}

function settling<A extends unknown[]>({ key, handler }: KeyedHandler<(...args: A) => unknown>, settled: Settled) {
  return async (...args: A): Promise<void> => {
    try {
      await handler(...args);
      settled.set(key, 'succeeded');
    } catch (error) {
      if (isPermanent(error)) settled.set(key, 'failed');
      throw error;
    }
  };
}
