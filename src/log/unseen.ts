import { helpOf, messageOf } from '../errors.js';
import type { FailedOutcome, Outcome } from '../outcome.js';
import { cut, type Log } from './logger.js';

/**
 * Two failures are the developer's to mend, and must not pass in silence where nothing logs. `isWatched` says whether
 * anybody is told of failing handlers.
 */
export function warnIfUnseen(outcome: Outcome, log: Log, isWatched: boolean): void {
  if (outcome.kind === 'failed') {
    if (!isWatched) warnOfFailure(outcome, log);
  } else if (outcome.kind === 'rejected' && outcome.reason === 'body_consumed') {
    log.warnDeveloper(outcome.code, `${messageOf(outcome.code)} ${helpOf(outcome.code)}`);
  }
}

function warnOfFailure({ code, eventName, error }: FailedOutcome, log: Log): void {
  const failed = `A handler of '${cut(eventName)}' failed, and nothing reports it.`;
  const advice = 'Pass `logger`, or register onError(): further failures of this event are not shown.';
  log.warnDeveloper(code, `${failed} ${advice}`, error.errors[0]);
}
