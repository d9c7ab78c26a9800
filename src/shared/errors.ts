import { readText } from './error-text.js';

/** Every failure that this package reports, by stable code, with its message and its fix. The README explains each code. */
const CODES = {
  ERR_SECRET_MISSING: {
    message: 'No usable secret was given.',
    help: "Pass the webhook's key as `secret`. Cakemail shows it in GET /webhooks/{id}, as signature.key.",
  },
  ERR_OPTION_INVALID: {
    message: 'An option is not valid.',
    help: 'Correct the option that the message names; the README lists all of them.',
  },
  ERR_SIGNATURE: {
    message: 'The request could not be authenticated.',
    help: 'Listen to `lifecycle.on("rejected")` or pass a `logger` to learn the reason, which the sender never learns.',
  },
  ERR_PAYLOAD: {
    message: 'The body is not a JSON object with an event name.',
    help: 'The signature is valid, so check what the sender signs. `lifecycle.on("rejected")` reports the reason.',
  },
  ERR_SCHEMA_MISMATCH: {
    message: "The event's data does not have the expected shape.",
    help: 'Widen the schema of this event in `schemas`, or set `onSchemaMismatch: "deliver"`.',
  },
  ERR_SCHEMA_FAILED: {
    message: "The event's schema failed.",
    help: 'Your schema threw or did not finish in time; see `cause`.',
  },
  ERR_BODY_TOO_LARGE: {
    message: 'The body is larger than the limit.',
    help: 'Raise `limit` (bytes) if Cakemail really sends you bodies of this size.',
  },
  ERR_CONTENT_ENCODING: {
    message: 'The content encoding is not supported.',
    help: 'Compressed bodies are refused. Let the proxy in front of this app decompress requests, or stop compressing them.',
  },
  ERR_METHOD: {
    message: 'Only POST is served here.',
    help: 'Webhooks arrive by POST, but a browser or a health check may use another method.',
  },
  ERR_BODY_TIMEOUT: {
    message: 'The body did not arrive in time.',
    help: 'Raise `timeoutMs.body` if the network is slow.',
  },
  ERR_BODY_ABORTED: {
    message: 'The request ended before its body was complete.',
    help: 'The sender or a proxy closed the connection. Ignore this unless it happens often.',
  },
  ERR_BODY_CONSUMED: {
    message: 'The body was read by another parser, and its raw bytes were not kept.',
    help: 'Mount the webhook router before express.json(), or keep the bytes: express.json({ verify: keepRawBody }).',
  },
  ERR_DELIVERY_RUNNING: {
    message: 'This delivery is being handled by another process.',
    help: 'No action is needed, because the response asks the sender to try again. It needs a dedupe store that processes share.',
  },
  ERR_HANDLER_FAILED: {
    message: 'A handler failed.',
    help: "See the AggregateError in `cause`, which holds every handler's error. The delivery may run again.",
  },
  ERR_HANDLER_TIMEOUT: {
    message: 'A handler did not finish in time.',
    help: 'Pass `delivery.signal` to the calls that the handler awaits, move the work to a queue, or raise `timeoutMs.handler`.',
  },
  ERR_KEYS_UNAVAILABLE: {
    message: 'The keys to verify with could not be loaded.',
    help: 'Your `secrets` function threw, timed out or returned no usable key, or too many requests wait for it; see `cause`.',
  },
  ERR_DEDUPE_UNAVAILABLE: {
    message: 'The dedupe store failed.',
    help: 'Your `dedupe` store threw or timed out; see `cause`.',
  },
  ERR_INBOX_UNAVAILABLE: {
    message: 'The delivery could not be stored.',
    help: 'The store of the inbox failed (full disk, unreachable server, …); see `cause`. The response asks the sender to try again.',
  },
  ERR_INBOX_OPEN: {
    message: 'The inbox could not be opened.',
    help: 'See also `cause`.',
  },
  ERR_API_REFUSED: {
    message: "Cakemail's API refused a call.",
    help: 'Correct what the message names. 401: the token is not valid or has expired. 403: it lacks a permission. 404: the object does not exist.',
  },
  ERR_API_UNAVAILABLE: {
    message: "Cakemail's API could not be reached, or is busy.",
    help: 'Try again later. Completed steps are kept, and the same command continues after them.',
  },
  ERR_API_RESPONSE: {
    message: "Cakemail's API sent an unexpected response.",
    help: 'The API may be newer than this package. Please report the message.',
  },
  ERR_API_MFA: {
    message: 'This account asks for a second factor.',
    help: 'Use a personal access token instead of the user name and password.',
  },
  ERR_CLOSING: {
    message: 'The receiver is shutting down.',
    help: 'close() was called. The response asks the sender to try again.',
  },
  ERR_INTERNAL: {
    message: 'The receiver failed.',
    help: 'This is a bug in cakemail-webhooks. Please report it with the `cause`.',
  },
} as const;

/** The stable code of a {@link WebhookError}. */
export type WebhookErrorCode = keyof typeof CODES;

/** All codes, for tests and documentation. */
export const WEBHOOK_ERROR_CODES = Object.keys(CODES) as WebhookErrorCode[];

/** Returns the generic message of a code. It reveals nothing about the application. */
export function messageOf(code: WebhookErrorCode): string {
  return CODES[code].message;
}

/** Returns the fix for a code. */
export function helpOf(code: WebhookErrorCode): string {
  return CODES[code].help;
}

/** The parts of a {@link WebhookError} in addition to its code. */
export interface WebhookErrorOptions {
  /** Replaces the code's own message. */
  readonly message?: string | undefined;
  /** HTTP status. Default 500. */
  readonly status?: number;
  /** Headers of the response, in the form that Express's own error handler reads. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly cause?: unknown;
}

/** Any failure reported by this package. Compare `code`, which is stable; the message may change. */
export class WebhookError extends Error {
  override readonly name: string = 'WebhookError';
  /** The stable code to compare with: `ERR_…`. */
  readonly code: WebhookErrorCode;
  /** The HTTP status of the response, or 500 for a failure outside a request. */
  readonly status: number;
  /** The fix. */
  readonly help: string;
  /** Headers of the response (`allow`, `retry-after`), if there are any. */
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: WebhookErrorCode, options: WebhookErrorOptions = {}) {
    super(options.message ?? CODES[code].message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 500;
    this.help = CODES[code].help;
    this.headers = options.headers;
  }
}

/** Thrown while the router is created or a handler is registered, because the program is wrong rather than a request. */
export class ConfigurationError extends WebhookError {
  override readonly name = 'ConfigurationError';
  declare readonly code: 'ERR_SECRET_MISSING' | 'ERR_OPTION_INVALID' | 'ERR_INBOX_OPEN';

  constructor(code: ConfigurationError['code'], message: string, cause?: Error) {
    super(code, { message: `${message} ${CODES[code].help}`, cause });
  }
}

/** One or more handlers of a delivery failed. `errors` (and the AggregateError in `cause`) holds each failure. */
export class HandlerError extends WebhookError {
  override readonly name = 'HandlerError';
  declare readonly code: 'ERR_HANDLER_FAILED' | 'ERR_HANDLER_TIMEOUT';
  /** One error per failed handler, in the order of registration. */
  readonly errors: readonly Error[];

  /** `message` replaces the default, which lists the message of each error. */
  constructor(errors: readonly Error[], message?: string) {
    const timedOut = errors.every((error) => isTimeout(error));
    const code = timedOut ? 'ERR_HANDLER_TIMEOUT' : 'ERR_HANDLER_FAILED';
    const count = errors.length === 1 ? 'One handler' : `${errors.length} handlers`;
    super(code, {
      message: message ?? `${count} failed: ${errors.map((error) => readText(error, 'message')).join('; ')}`,
      cause: new AggregateError(errors, 'The errors of the handlers.'),
    });
    this.errors = errors;
  }
}

/**
 * Throw it in a handler when another attempt would fail too. The inbox then makes the delivery a dead letter at once.
 * Without an inbox it is a failure like any other.
 */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  /** Marks the error, because `instanceof` fails when the package was loaded twice. */
  readonly permanent = true;
}

/** True for a failure that another attempt would not fix. */
export function isPermanent(error: Error): boolean {
  return (error as Partial<PermanentError>).permanent === true;
}

function isTimeout(error: Error): boolean {
  return error instanceof WebhookError && error.code === 'ERR_HANDLER_TIMEOUT';
}
