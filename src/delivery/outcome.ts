import type { AnyCakemailEvent } from '../events/event-types.js';
import { readText, toError } from '../shared/error-text.js';
import { HandlerError, messageOf, WebhookError, type WebhookErrorCode } from '../shared/errors.js';
import { issuePaths } from '../shared/issue-paths.js';
import type { Delivery } from './delivery.js';
import { type OutcomeResponse, RESPONSES, responseOf } from './responses.js';

/** Why a request was rejected before any handler ran. Reported to `lifecycle` and the log, never to the sender. */
export type RejectionReason = keyof typeof CODE_BY_REASON;

type RejectionCode = (typeof CODE_BY_REASON)[RejectionReason];

const CODE_BY_REASON = {
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

/** The messages of the reasons that share a code. Every other reason has the message of its code. */
const MESSAGE_BY_REASON: Partial<Record<RejectionReason, string>> = {
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
function rejectionMessage(reason: RejectionReason, code: WebhookErrorCode, cause: unknown): string {
  const message = MESSAGE_BY_REASON[reason] ?? messageOf(code);
  if (cause === undefined) return message;
  const error = toError(cause);
  const paths = issuePaths(error)?.join(', ');
  const isSchema = reason === 'schema_mismatch' || reason === 'schema_failed';
  return `${message.slice(0, -1)}: ${isSchema ? (paths ?? readText(error, 'name')) : readText(error, 'message')}`;
}

type AcceptedKind = 'handled' | 'unhandled' | 'duplicate' | 'stored';

/**
 * The delivery was accepted: its handlers succeeded, no handler matches it, an inbox stored it, or it was received before.
 * `status` is 202 when an inbox holds the delivery, and 200 otherwise.
 */
export class AcceptedOutcome {
  readonly status: 200 | 202;
  readonly #response: AcceptedKind | 'stored_duplicate';

  constructor(
    readonly kind: AcceptedKind,
    readonly event: AnyCakemailEvent,
    readonly delivery: Delivery,
    response: AcceptedKind | 'stored_duplicate' = kind,
  ) {
    this.status = RESPONSES[response].status;
    this.#response = response;
  }

  /** The HTTP response to this outcome. */
  toResponse(): OutcomeResponse {
    return responseOf(this.#response);
  }
}

/** The request was rejected before any handler ran. */
export class RejectedOutcome {
  readonly kind = 'rejected' as const;
  readonly code: RejectionCode;
  /** The HTTP status to respond with. */
  readonly status: number;
  /** The name of the event, once it is verified. */
  readonly eventName: string | undefined;
  /** The underlying error, if there is one: what your key source threw, or the issues that your schema found. */
  readonly cause: unknown;
  #error: WebhookError | undefined;

  constructor(
    readonly reason: RejectionReason,
    { eventName, cause }: { readonly eventName?: string; readonly cause?: unknown } = {},
  ) {
    this.code = CODE_BY_REASON[reason];
    this.status = RESPONSES[this.code].status;
    this.eventName = eventName;
    this.cause = cause;
  }

  /**
   * The rejection as an error. Its message names the reason, which the response does not, and quotes nothing of the
   * payload. It is created on first use, so that a flood of forgeries does not pay for stack traces.
   */
  get error(): WebhookError {
    const { reason, code, status, cause } = this;
    this.#error ??= new WebhookError(code, {
      message: rejectionMessage(reason, code, cause),
      status,
      headers: RESPONSES[code].headers,
      cause,
    });
    return this.#error;
  }

  /** The HTTP response to this outcome. It tells the sender the code and a generic message, never the reason. */
  toResponse(): OutcomeResponse {
    return responseOf(this.code);
  }
}

/** At least one handler failed or timed out. The handlers run again when the delivery is sent again. */
export class FailedOutcome {
  readonly kind = 'failed' as const;
  readonly status: 500;
  readonly code: 'ERR_HANDLER_FAILED' | 'ERR_HANDLER_TIMEOUT';
  /** The name of the event, as it was verified. */
  readonly eventName: string;

  constructor(
    readonly error: HandlerError,
    readonly event: AnyCakemailEvent,
    readonly delivery: Delivery,
  ) {
    this.code = error.code;
    this.status = RESPONSES[this.code].status;
    this.eventName = delivery.eventName;
  }

  /** The HTTP response to this outcome. It reveals nothing of the handlers' errors. */
  toResponse(): OutcomeResponse {
    return responseOf(this.code);
  }
}

/** The result of a delivery. Discriminated by `kind`; `status` is the HTTP status to respond with. */
export type Outcome = AcceptedOutcome | RejectedOutcome | FailedOutcome;

/** The error for the app's error middleware. Its message is the generic one, because the app may send it to the sender. */
export function errorForNext(outcome: RejectedOutcome | FailedOutcome): WebhookError {
  if (outcome instanceof FailedOutcome) return new HandlerError(outcome.error.errors, messageOf(outcome.code));
  const { code, status, cause } = outcome;
  return new WebhookError(code, { status, headers: RESPONSES[code].headers, cause });
}
