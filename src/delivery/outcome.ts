import type { AnyCakemailEvent } from '../events/event-types.js';
import { readText, toError } from '../shared/error-text.js';
import { HandlerError, messageOf, WebhookError, type WebhookErrorCode } from '../shared/errors.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { Delivery } from './delivery.js';

/** Why a request was refused before any handler ran. Reported to `lifecycle` and the log, never to the sender. */
export type RejectionReason = keyof typeof REASONS;

const REASONS = {
  missing: 'ERR_SIGNATURE',
  malformed: 'ERR_SIGNATURE',
  mismatch: 'ERR_SIGNATURE',
  wrong_key_for_event: 'ERR_SIGNATURE',
  too_old: 'ERR_SIGNATURE',
  not_utf8: 'ERR_PAYLOAD',
  not_json: 'ERR_PAYLOAD',
  not_object: 'ERR_PAYLOAD',
  no_event_name: 'ERR_PAYLOAD',
  schema_mismatch: 'ERR_SCHEMA_MISMATCH',
  schema_failed: 'ERR_SCHEMA_FAILED',
  body_too_large: 'ERR_BODY_TOO_LARGE',
  content_encoding: 'ERR_CONTENT_ENCODING',
  method: 'ERR_METHOD',
  body_timeout: 'ERR_BODY_TIMEOUT',
  body_aborted: 'ERR_BODY_ABORTED',
  body_consumed: 'ERR_BODY_CONSUMED',
  running_elsewhere: 'ERR_DELIVERY_RUNNING',
  keys_unavailable: 'ERR_KEYS_UNAVAILABLE',
  dedupe_unavailable: 'ERR_DEDUPE_UNAVAILABLE',
  inbox_unavailable: 'ERR_INBOX_UNAVAILABLE',
  closing: 'ERR_CLOSING',
  internal: 'ERR_INTERNAL',
} as const satisfies Record<string, WebhookErrorCode>;

/** The reasons that share a code with others, in words. */
const REFUSALS: Partial<Record<RejectionReason, string>> = {
  missing: 'The signature header is missing.',
  malformed: 'The signature header is not the base64 of an HMAC-SHA256, or was sent more than once.',
  mismatch: 'The signature does not match the body under any key.',
  wrong_key_for_event: 'The signature was made with the key of another event.',
  too_old: 'The event is too old.',
  not_utf8: 'The body is not valid UTF-8.',
  not_json: 'The body is not valid JSON.',
  not_object: 'The body is not a JSON object.',
  no_event_name: 'The body has no event name.',
};

/** Names only the paths of a schema's issues, or the class of its error, because its message may quote the payload. */
function refusalMessage(reason: RejectionReason, code: WebhookErrorCode, cause: unknown): string {
  const message = REFUSALS[reason] ?? messageOf(code);
  if (cause === undefined) return message;
  const error = toError(cause);
  const paths = issuePaths(error)?.join(', ');
  const isSchema = reason === 'schema_mismatch' || reason === 'schema_failed';
  return `${message.slice(0, -1)}: ${isSchema ? (paths ?? readText(error, 'name')) : readText(error, 'message')}`;
}

type AnsweredCode = (typeof REASONS)[RejectionReason] | 'ERR_HANDLER_FAILED' | 'ERR_HANDLER_TIMEOUT';

/** THE table: what each outcome answers. No other line of this package chooses a status. */
const STATUS = {
  handled: 200,
  unhandled: 200,
  duplicate: 200,
  stored: 202,
  /** A duplicate of what an inbox keeps. */
  kept: 202,
  ERR_SIGNATURE: 403,
  ERR_PAYLOAD: 400,
  ERR_SCHEMA_MISMATCH: 422,
  ERR_SCHEMA_FAILED: 500,
  ERR_DELIVERY_RUNNING: 409,
  ERR_BODY_TOO_LARGE: 413,
  ERR_CONTENT_ENCODING: 415,
  ERR_METHOD: 405,
  ERR_BODY_TIMEOUT: 408,
  ERR_BODY_ABORTED: 400,
  ERR_BODY_CONSUMED: 500,
  ERR_HANDLER_FAILED: 500,
  ERR_HANDLER_TIMEOUT: 500,
  ERR_KEYS_UNAVAILABLE: 503,
  ERR_DEDUPE_UNAVAILABLE: 503,
  ERR_INBOX_UNAVAILABLE: 503,
  ERR_CLOSING: 503,
  ERR_INTERNAL: 500,
} as const satisfies Record<AcceptedAnswer | AnsweredCode, number>;

/** Seconds. Short: the causes (a deploy, a key service, another process) pass quickly. */
const RETRY_AFTER = '5';

const HEADERS: Partial<Record<AnsweredCode, Readonly<Record<string, string>>>> = {
  ERR_METHOD: { allow: 'POST' },
  ERR_DELIVERY_RUNNING: { 'retry-after': RETRY_AFTER },
  ERR_KEYS_UNAVAILABLE: { 'retry-after': RETRY_AFTER },
  ERR_DEDUPE_UNAVAILABLE: { 'retry-after': RETRY_AFTER },
  ERR_INBOX_UNAVAILABLE: { 'retry-after': RETRY_AFTER },
  ERR_CLOSING: { 'retry-after': RETRY_AFTER },
};

type AcceptedKind = 'handled' | 'unhandled' | 'duplicate' | 'stored';

/** Which line of the table: a duplicate is answered as what it is a duplicate of. */
type AcceptedAnswer = AcceptedKind | 'kept';

/**
 * The delivery was taken: its handlers ran, nothing listens to it, an inbox keeps it, or it was there before. Its
 * `status` is 202 when an inbox has it, else 200.
 */
export class AcceptedOutcome {
  readonly status: 200 | 202;
  readonly #answer: AcceptedAnswer;

  constructor(
    readonly kind: AcceptedKind,
    readonly event: AnyCakemailEvent,
    readonly delivery: Delivery,
    answer: AcceptedAnswer = kind,
  ) {
    this.#answer = answer;
    this.status = STATUS[answer];
  }

  /** The HTTP response to this outcome. */
  toResponse(): OutcomeResponse {
    return responseOf(this.#answer);
  }
}

/** The request was refused before any handler ran. */
export class RejectedOutcome {
  readonly kind = 'rejected' as const;
  readonly code: (typeof REASONS)[RejectionReason];
  /** The HTTP status to answer with. */
  readonly status: number;
  /** The name of the event, once it was verified. */
  readonly eventName: string | undefined;
  /** What lies behind it (an error of your key source, what your schema found), if anything does. */
  readonly cause: unknown;
  #error: WebhookError | undefined;

  constructor(
    readonly reason: RejectionReason,
    { eventName, cause }: { readonly eventName?: string; readonly cause?: unknown } = {},
  ) {
    this.code = REASONS[reason];
    this.status = STATUS[this.code];
    this.eventName = eventName;
    this.cause = cause;
  }

  /**
   * The refusal as an error. Its message says what was wrong, which the answer does not. It quotes nothing of the payload.
   * Made when asked for: a flood of forgeries pays for no stack traces.
   */
  get error(): WebhookError {
    this.#error ??= new WebhookError(this.code, {
      message: refusalMessage(this.reason, this.code, this.cause),
      status: this.status,
      headers: HEADERS[this.code],
      cause: this.cause,
    });
    return this.#error;
  }

  /** The HTTP response to this outcome. It tells the sender the code and a generic message, and never the reason. */
  toResponse(): OutcomeResponse {
    return responseOf(this.code);
  }
}

/** At least one handler failed or ran out of time; the delivery will run again when it is sent again. */
export class FailedOutcome {
  readonly kind = 'failed' as const;
  readonly status: 500;
  readonly code: 'ERR_HANDLER_FAILED' | 'ERR_HANDLER_TIMEOUT';

  constructor(
    readonly error: HandlerError,
    readonly event: AnyCakemailEvent,
    readonly delivery: Delivery,
    /** The event's name as it was verified. A handler may have changed `event` since. */
    readonly eventName: string = event.event,
  ) {
    this.code = error.code;
    this.status = STATUS[this.code];
  }

  /** The HTTP response to this outcome. It holds nothing of the handlers' errors. */
  toResponse(): OutcomeResponse {
    return responseOf(this.code);
  }
}

/** What became of a delivery. Discriminated by `kind`; `status` is the HTTP status to answer with. */
export type Outcome = AcceptedOutcome | RejectedOutcome | FailedOutcome;

/** The failure as the app's error middleware gets it. Its message is the generic one, because the app may send it on. */
export function errorForNext(outcome: RejectedOutcome | FailedOutcome): WebhookError {
  const { code, status } = outcome;
  if (outcome instanceof FailedOutcome) return new HandlerError(outcome.error.errors, messageOf(code));
  return new WebhookError(code, { status, headers: HEADERS[outcome.code], cause: outcome.cause });
}

/** An HTTP response as a plain object, for any host: `outcome.toResponse()` makes one. */
export interface OutcomeResponse {
  readonly status: number;
  /** Names in lower case: `content-type`, `content-length` and, where the status asks for them, `retry-after` or `allow`. */
  readonly headers: Record<string, string>;
  /** JSON text. */
  readonly body: string;
}

const RESPONSES = Object.fromEntries(
  (Object.keys(STATUS) as (keyof typeof STATUS)[]).map((key) => [key, render(key)]),
) as Record<keyof typeof STATUS, OutcomeResponse>;

/** A copy, because callers may add headers of their own. */
function responseOf(key: keyof typeof STATUS): OutcomeResponse {
  const { status, headers, body } = RESPONSES[key];
  return { status, headers: { ...headers }, body };
}

function render(key: keyof typeof STATUS): OutcomeResponse {
  const content = isAccepted(key)
    ? { status: key === 'kept' ? 'duplicate' : key }
    : { error: { code: key, message: messageOf(key) } };
  const body = JSON.stringify(content);
  return {
    status: STATUS[key],
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      ...(isAccepted(key) ? undefined : HEADERS[key]),
    },
    body,
  };
}

function isAccepted(key: keyof typeof STATUS): key is AcceptedAnswer {
  return !key.startsWith('ERR_');
}
