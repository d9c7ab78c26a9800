import { toError } from '../shared/errors.js';
import { type LifecycleEmitter, tapInto } from './lifecycle.js';
import type { Log } from './logger.js';
import { Outage } from './outage.js';

/** Reports the outages of one router's inbox, in place of a line for each failure. */
export interface InboxWatch {
  readonly worker: Outage;
  /** For when the inbox is closed. */
  close(): void;
}

export function watchInbox(events: LifecycleEmitter, log: Log, hasLogger: boolean): InboxWatch {
  const receiving = new Outage(log, hasLogger, {
    began: 'the inbox cannot store deliveries: they are refused with 503',
    goesOn: (count) => `the inbox still cannot store deliveries: ${count} were refused in the last minute`,
    ended: 'the inbox stores deliveries again',
  });
  const worker = new Outage(log, hasLogger, {
    began: 'the inbox failed its worker, which goes on trying',
    goesOn: (count) => `the inbox still fails its worker: ${count} times in the last minute`,
    ended: 'the inbox serves its worker again',
  });
  const untap = tapInto(events, (name, notice) => {
    if (name === 'stored' || name === 'duplicate') receiving.succeeded();
    else if (name === 'rejected' && 'reason' in notice && notice.reason === 'inbox_unavailable') {
      receiving.failed(toError('cause' in notice ? notice.cause : undefined));
    }
  });
  return {
    worker,
    close() {
      untap();
      receiving.close();
      worker.close();
    },
  };
}
