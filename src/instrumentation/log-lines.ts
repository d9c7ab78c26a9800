import { readText, toError } from '../shared/error-text.js';
import { HandlerError, helpOf, WebhookError } from '../shared/errors.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { DeliveryNotice, LifecycleNotices } from './lifecycle.js';
import { type Log, type LogFields, type LogLevel, truncateName } from './logger.js';

type Line = readonly [level: LogLevel, fields: LogFields, message: string];

/** What each notice says in the log. Names come from outside, so they are truncated and stay out of the message. */
const LINES: { readonly [N in keyof LifecycleNotices]: (notice: LifecycleNotices[N]) => Line } = {
  received: (notice) => ['debug', { ...notice }, 'received'],
  verified: (notice) => ['debug', { ...notice }, 'signature verified'],
  rejected: ({ reason, code, status, eventName, cause }) => [
    // While an inbox is unavailable, its outage has lines of its own.
    reason === 'body_aborted' || reason === 'inbox_unavailable' ? 'debug' : status >= 500 ? 'error' : 'warn',
    {
      reason,
      code,
      status,
      ...(eventName !== undefined && { eventName: truncateName(eventName) }),
      ...(cause !== undefined && (isOfSchema(reason) ? summaryOf(cause) : { err: cause })),
      ...(status >= 500 && { help: helpOf(code) }),
    },
    'rejected',
  ],
  // Paths only: a schema's message may quote the value that it refuses.
  drift: ({ issues, ...notice }) => [
    'warn',
    { ...fieldsOf(notice), paths: issues.map(({ path }) => truncateName(path)) },
    'deviates from what is published',
  ],
  handled: ({ durationMs, ...notice }) => ['info', { ...fieldsOf(notice), durationMs }, 'handled'],
  unhandled: ({ durationMs, ...notice }) => ['info', { ...fieldsOf(notice), durationMs }, 'no handler'],
  failed: ({ error, durationMs, ...notice }) => [
    'error',
    { ...fieldsOf(notice), code: error.code, durationMs, ...errorFields(error) },
    'handler failed',
  ],
  late: ({ error, ...notice }) => [
    'error',
    { ...fieldsOf(notice), ...errorFields(error) },
    'handler failed after its time limit',
  ],
  stored: (notice) => ['info', fieldsOf(notice), 'stored'],
  // What its handlers threw is in the lines of its attempts.
  dead: ({ id, eventName, reason, error }) => [
    'error',
    {
      eventName: truncateName(eventName),
      delivery: id,
      reason,
      ...(error instanceof WebhookError && { code: error.code }),
      ...(error instanceof Error ? summaryOf(error) : { errorNames: [truncateName(error.name)] }),
    },
    'dead letter',
  ],
  duplicate: ({ joined, ...notice }) => ['info', { ...fieldsOf(notice), joined }, 'duplicate'],
};

function fieldsOf({ delivery }: DeliveryNotice): LogFields {
  return { eventName: truncateName(delivery.eventName), delivery: delivery.id, attempt: delivery.attempt };
}

function isOfSchema(reason: LifecycleNotices['rejected']['reason']): boolean {
  return reason === 'schema_mismatch' || reason === 'schema_failed';
}

/** The handlers' errors as they are, unless one is a schema's, because its message may quote the payload. */
function errorFields(error: Error): LogFields {
  return thrownIn(error).some((each) => issuePaths(each) !== undefined) ? summaryOf(error) : { err: error };
}

/** Errors without their messages: their classes, and the paths of the issues that a schema found. */
function summaryOf(error: unknown): LogFields {
  const thrown = thrownIn(error);
  const paths = thrown.flatMap((each) => issuePaths(each) ?? []);
  return {
    errorNames: thrown.map((each) => truncateName(readText(toError(each), 'name'))),
    ...(paths.length > 0 && { paths: paths.map(truncateName) }),
  };
}

/** The errors that are behind one of ours. */
function thrownIn(error: unknown): readonly unknown[] {
  if (error instanceof HandlerError) return error.errors;
  return [error instanceof WebhookError ? (error.cause ?? error) : error];
}

/** Every notice there is. */
export const LOG_NOTICES = Object.keys(LINES) as readonly (keyof LifecycleNotices)[];

/** Writes the line of a notice. */
export function writeNotice<N extends keyof LifecycleNotices>(log: Log, name: N, notice: LifecycleNotices[N]): void {
  log.write(...LINES[name](notice));
}
