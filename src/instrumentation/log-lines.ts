import { readText, toError } from '../shared/error-text.js';
import { HandlerError, helpOf, WebhookError } from '../shared/errors.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { DeliveryNotice, LifecycleNotices } from './lifecycle.js';
import { type Log, type LogFields, type LogLevel, truncateName } from './logger.js';

type Line = readonly [level: LogLevel, fields: LogFields, message: string];

/** The log line of each notice. Names come from outside, so they are truncated, and never part of the message. */
const LINES: { readonly [N in keyof LifecycleNotices]: (notice: LifecycleNotices[N]) => Line } = {
  received: (notice) => ['debug', { ...notice }, 'received'],
  verified: (notice) => ['debug', { ...notice }, 'signature verified'],
  rejected: ({ reason, code, status, eventName, cause }) => [
    // The outage of an inbox has its own lines.
    reason === 'body_aborted' || reason === 'inbox_unavailable' ? 'debug' : status >= 500 ? 'error' : 'warn',
    {
      reason,
      code,
      status,
      ...(eventName !== undefined && { eventName: truncateName(eventName) }),
      ...(cause !== undefined && (isFromSchema(reason) ? withoutMessages(cause) : { err: cause })),
      ...(status >= 500 && { help: helpOf(code) }),
    },
    'rejected',
  ],
  // The message of an issue may quote a value of the payload, so only the paths are logged.
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
  // The lines of the attempts hold the handlers' errors.
  dead: ({ id, eventName, reason, error }) => [
    'error',
    {
      eventName: truncateName(eventName),
      delivery: id,
      reason,
      ...(error instanceof WebhookError && { code: error.code }),
      ...(error instanceof Error ? withoutMessages(error) : { errorNames: [truncateName(error.name)] }),
    },
    'dead letter',
  ],
  duplicate: ({ joined, ...notice }) => ['info', { ...fieldsOf(notice), joined }, 'duplicate'],
};

function fieldsOf({ delivery }: DeliveryNotice): LogFields {
  return { eventName: truncateName(delivery.eventName), delivery: delivery.id, attempt: delivery.attempt };
}

function isFromSchema(reason: LifecycleNotices['rejected']['reason']): boolean {
  return reason === 'schema_mismatch' || reason === 'schema_failed';
}

/** Logs the error itself unless a schema caused it, because then its message may quote the payload. */
function errorFields(error: Error): LogFields {
  return causesOf(error).some((each) => issuePaths(each) !== undefined) ? withoutMessages(error) : { err: error };
}

/** Describes an error without its message: the classes of its causes, and the paths of a schema's issues. */
function withoutMessages(error: unknown): LogFields {
  const causes = causesOf(error);
  const paths = causes.flatMap((each) => issuePaths(each) ?? []);
  return {
    errorNames: causes.map((each) => truncateName(readText(toError(each), 'name'))),
    ...(paths.length > 0 && { paths: paths.map(truncateName) }),
  };
}

/** Returns the application's errors behind one of ours. */
function causesOf(error: unknown): readonly unknown[] {
  if (error instanceof HandlerError) return error.errors;
  return [error instanceof WebhookError ? (error.cause ?? error) : error];
}

/** The names of all notices. */
export const LOG_NOTICES = Object.keys(LINES) as readonly (keyof LifecycleNotices)[];

/** Logs a notice. */
export function writeNotice<N extends keyof LifecycleNotices>(log: Log, name: N, notice: LifecycleNotices[N]): void {
  log.write(...LINES[name](notice));
}
