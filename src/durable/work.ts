import type { Drain } from '../drain.js';
import { toError } from '../errors.js';
import type { Handling } from '../handling.js';
import type { LifecycleEmitter } from '../lifecycle.js';
import { attemptStored } from './attempt.js';
import type { Outage } from './outage.js';
import type { DurableWorker, RouterInbox } from './store.js';

/** Has the inbox's deliveries handled, counted by `drain` while they are. */
export function startWorker(
  inbox: RouterInbox,
  concurrency: number,
  { handling, drain, events, outage }: { handling: Handling; drain: Drain; events: LifecycleEmitter; outage: Outage },
): DurableWorker {
  return inbox.work(
    async (leased) => {
      outage.succeeded();
      drain.enter();
      try {
        return await attemptStored(leased, handling);
      } catch (thrown) {
        return { state: 'failed', error: toError(thrown) };
      } finally {
        drain.leave();
      }
    },
    {
      concurrency,
      dead: ({ id, event }, reason, error) => events.emit('dead', { id, event, reason, error }),
      storeFailed: (error) => outage.failed(error),
    },
  );
}
