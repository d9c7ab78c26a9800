import { toError } from '../shared/error-text.js';
import type { Hooks } from './hooks.js';
import type { Log } from './logger.js';
import { Outage } from './outage.js';

/** Logs the outages of a router's inbox, because one line per failure would fill the log. */
export interface InboxWatch {
  /** Receives the failures and successes of the worker. */
  readonly worker: Outage;
  /** Stops logging. Call it when the inbox is closed. */
  close(): void;
}

export function watchInbox(hooks: Hooks, log: Log, hasLogger: boolean): InboxWatch {
  const receiving = new Outage(log, hasLogger, {
    began: 'the inbox cannot store deliveries, so requests get 503',
    continues: (count) => `the inbox still cannot store deliveries; ${count} were rejected in the last minute`,
    ended: 'the inbox can store deliveries again',
  });
  const worker = new Outage(log, hasLogger, {
    began: 'the inbox worker cannot use its store and keeps trying',
    continues: (count) => `the inbox worker still cannot use its store; it failed ${count} times in the last minute`,
    ended: 'the inbox worker can use its store again',
  });
  const unsubscribe = hooks.subscribe({
    notified(name, notice) {
      if (name === 'stored' || name === 'duplicate') receiving.succeeded();
      else if (name === 'rejected' && 'reason' in notice && notice.reason === 'inbox_unavailable') {
        receiving.failed(toError(notice.cause));
      }
    },
  });
  return {
    worker,
    close() {
      unsubscribe();
      receiving.close();
      worker.close();
    },
  };
}
