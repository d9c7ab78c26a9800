import type { Drain } from '../drain.js';
import type { Handling } from '../handling.js';
import type { LifecycleEmitter } from '../lifecycle.js';
import type { Log } from '../log/logger.js';
import { attemptStored } from './attempt.js';
import type { DurableWorker, RouterInbox } from './store.js';

/** Has the inbox's deliveries handled, counted by `drain` while they are. */
export function startWorker(
  inbox: RouterInbox,
  concurrency: number,
  { handling, drain, events, log }: { handling: Handling; drain: Drain; events: LifecycleEmitter; log: Log },
): DurableWorker {
  return inbox.work((leased) => drain.track(() => attemptStored(leased, handling)), {
    concurrency,
    dead: ({ id, event: eventName }, reason, error) => events.emit('dead', { id, eventName, reason, error }),
    storeFailed: (err) => log.write('error', { err }, 'the inbox failed its worker, which goes on trying'),
  });
}
