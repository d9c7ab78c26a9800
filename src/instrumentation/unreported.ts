import { helpOf, messageOf } from '../shared/errors.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { LifecycleNotices } from './lifecycle.js';
import { type Log, truncateName } from './logger.js';

/** A warning for each notice that the developer has to act on. */
type Warnings = { readonly [N in keyof LifecycleNotices]?: (notice: LifecycleNotices[N], log: Log) => void };

const WARNINGS: Warnings = {
  rejected: ({ reason, code }, log) => {
    if (reason === 'body_consumed') log.warnDeveloper(code, `${messageOf(code)} ${helpOf(code)}`);
  },
  failed: ({ delivery, error }, log) => {
    const failed = `A handler of '${truncateName(delivery.eventName)}' failed, and nothing reports it.`;
    const advice = 'Pass `logger`, or register onError(). Further failures of this event are not shown.';
    const [first] = error.errors;
    // The message of a schema's error may quote the payload.
    log.warnDeveloper(error.code, `${failed} ${advice}`, issuePaths(first) === undefined ? first : undefined);
  },
  dead: ({ eventName, reason }, log) => {
    const died = `A delivery of '${truncateName(eventName)}' became a dead letter (${reason}), and nothing reports it.`;
    const advice =
      "Pass `logger`, or listen to `lifecycle.on('dead')`. The inbox keeps it: inbox.list({ state: 'dead' }).";
    log.warnDeveloper('WARN_DEAD_LETTER', `${died} ${advice}`);
  },
};

/** Warns about a notice that the application would otherwise not see. Call it only without a logger. */
export function warnIfUnreported<N extends keyof LifecycleNotices>(
  log: Log,
  name: N,
  notice: LifecycleNotices[N],
  isReported: (name: N) => boolean,
): void {
  const warn = WARNINGS[name];
  if (warn !== undefined && !isReported(name)) warn(notice, log);
}
