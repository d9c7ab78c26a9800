import type { CompletedHandlers } from '../delivery/stored-delivery.js';
import { isPermanent } from '../shared/errors.js';
import type { KeyedHandler, Match } from './registry.js';

/** The handlers that are not completed yet. Each adds itself to `completed` when it completes. */
export function pending<A extends unknown[]>(
  { named, handlers }: Match<KeyedHandler<(...args: A) => unknown>>,
  completed: CompletedHandlers,
): Match<(...args: A) => unknown> {
  const due = handlers.filter(({ key }) => !completed.has(key));
  return { named, handlers: due.map((keyed) => recording(keyed, completed)) };
}

function recording<A extends unknown[]>(
  { key, handler }: KeyedHandler<(...args: A) => unknown>,
  completed: CompletedHandlers,
) {
  return async (...args: A): Promise<void> => {
    try {
      await handler(...args);
      completed.set(key, 'succeeded');
    } catch (error) {
      if (isPermanent(error)) completed.set(key, 'failed');
      throw error;
    }
  };
}
