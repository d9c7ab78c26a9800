import type { DurableWorker, RouterInbox } from '../delivery/stored-delivery.js';
import type { LifecycleEmitter } from '../instrumentation/lifecycle.js';
import type { Outage } from '../instrumentation/outage.js';
import type { Drain } from '../shared/in-flight.js';
import { attemptStored } from './attempt.js';
import type { Handling } from './handling.js';

/** Has the inbox's deliveries handled, counted by `drain` while they are. */
export function startWorker(
  inbox: RouterInbox,
  concurrency: number,
  { handling, drain, events, outage }: { handling: Handling; drain: Drain; events: LifecycleEmitter; outage: Outage },
): DurableWorker {
  return inbox.work(
    (leased) => {
      outage.succeeded();
      return drain.track(() => attemptStored(leased, handling));
    },
    {
      concurrency,
      dead: ({ id, event: eventName }, reason, error) => events.emit('dead', { id, eventName, reason, error }),
      storeFailed: (error) => outage.failed(error),
    },
  );
}
