import { helpOf } from '../errors.js';
import type { DeliveryNotice, LifecycleNotices } from '../lifecycle.js';
import { cut, type Log, type LogFields, type LogLevel } from './logger.js';

type Line = readonly [level: LogLevel, fields: LogFields, message: string];

/** What each notice says in the log. Names come from outside, so they are cut and stay out of the message. */
const LINES: { readonly [N in keyof LifecycleNotices]: (notice: LifecycleNotices[N]) => Line } = {
  received: (notice) => ['debug', { ...notice }, 'received'],
  verified: (notice) => ['debug', { ...notice }, 'signature verified'],
  rejected: ({ reason, code, status, event, cause }) => [
    // While an inbox is unavailable, its outage has lines of its own.
    reason === 'body_aborted' || reason === 'inbox_unavailable' ? 'debug' : status >= 500 ? 'error' : 'warn',
    {
      reason,
      code,
      status,
      ...(event !== undefined && { event: cut(event) }),
      ...(cause !== undefined && reason !== 'schema_mismatch' && { err: cause }),
      ...(status >= 500 && { help: helpOf(code) }),
    },
    'rejected',
  ],
  // Paths only: a schema's message may quote the value that it refuses.
  drift: ({ issues, ...notice }) => [
    'warn',
    { ...fieldsOf(notice), paths: issues.map(({ path }) => cut(path)) },
    'deviates from what is published',
  ],
  handled: ({ durationMs, ...notice }) => ['info', { ...fieldsOf(notice), durationMs }, 'handled'],
  unhandled: ({ durationMs, ...notice }) => ['info', { ...fieldsOf(notice), durationMs }, 'no handler'],
  failed: ({ error, durationMs, ...notice }) => [
    'error',
    { ...fieldsOf(notice), code: error.code, durationMs, err: error },
    'handler failed',
  ],
  late: ({ error, ...notice }) => ['error', { ...fieldsOf(notice), err: error }, 'handler failed after its time limit'],
  stored: (notice) => ['info', fieldsOf(notice), 'stored'],
  dead: ({ id, event, reason, error }) => [
    'error',
    { event: cut(event), delivery: id, reason, err: error },
    'dead letter',
  ],
  duplicate: ({ joined, ...notice }) => ['info', { ...fieldsOf(notice), joined }, 'duplicate'],
};

function fieldsOf({ event, delivery }: DeliveryNotice): LogFields {
  return { event: cut(event.event), delivery: delivery.id, attempt: delivery.attempt };
}

/** Every notice there is. */
export const LOG_NOTICES = Object.keys(LINES) as readonly (keyof LifecycleNotices)[];

/** Writes the line of a notice. */
export function writeNotice<N extends keyof LifecycleNotices>(log: Log, name: N, notice: LifecycleNotices[N]): void {
  log.write(...LINES[name](notice));
}
