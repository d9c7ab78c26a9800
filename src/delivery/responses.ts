import { messageOf, type WebhookErrorCode } from '../shared/errors.js';

/** An HTTP response as a plain object, for any host: `outcome.toResponse()` makes one. */
export interface OutcomeResponse {
  readonly status: number;
  /** Names in lower case: `content-type`, `content-length` and, where the status asks for them, `retry-after` or `allow`. */
  readonly headers: Record<string, string>;
  /** JSON text. */
  readonly body: string;
}

/** In seconds. Short, because the causes (a deploy, a key service, another process) pass quickly. */
const RETRY = { 'retry-after': '5' };

/** The one table of responses. Nothing else in this package chooses a status. */
export const RESPONSES = {
  handled: accepted(200, 'handled'),
  unhandled: accepted(200, 'unhandled'),
  duplicate: accepted(200, 'duplicate'),
  stored: accepted(202, 'stored'),
  stored_duplicate: accepted(202, 'duplicate'),

  ERR_SIGNATURE: failure(403, 'ERR_SIGNATURE'),
  ERR_PAYLOAD: failure(400, 'ERR_PAYLOAD'),
  ERR_SCHEMA_MISMATCH: failure(422, 'ERR_SCHEMA_MISMATCH'),
  ERR_SCHEMA_FAILED: failure(500, 'ERR_SCHEMA_FAILED'),
  ERR_DELIVERY_RUNNING: failure(409, 'ERR_DELIVERY_RUNNING', RETRY),
  ERR_BODY_TOO_LARGE: failure(413, 'ERR_BODY_TOO_LARGE'),
  ERR_CONTENT_ENCODING: failure(415, 'ERR_CONTENT_ENCODING'),
  ERR_METHOD: failure(405, 'ERR_METHOD', { allow: 'POST' }),
  ERR_BODY_TIMEOUT: failure(408, 'ERR_BODY_TIMEOUT'),
  ERR_BODY_ABORTED: failure(400, 'ERR_BODY_ABORTED'),
  ERR_BODY_CONSUMED: failure(500, 'ERR_BODY_CONSUMED'),
  ERR_HANDLER_FAILED: failure(500, 'ERR_HANDLER_FAILED'),
  ERR_HANDLER_TIMEOUT: failure(500, 'ERR_HANDLER_TIMEOUT'),
  ERR_KEYS_UNAVAILABLE: failure(503, 'ERR_KEYS_UNAVAILABLE', RETRY),
  ERR_DEDUPE_UNAVAILABLE: failure(503, 'ERR_DEDUPE_UNAVAILABLE', RETRY),
  ERR_INBOX_UNAVAILABLE: failure(503, 'ERR_INBOX_UNAVAILABLE', RETRY),
  ERR_CLOSING: failure(503, 'ERR_CLOSING', RETRY),
  ERR_INTERNAL: failure(500, 'ERR_INTERNAL'),
};

/** Returns a new object each time, because callers may add headers of their own. */
export function responseOf(key: keyof typeof RESPONSES): OutcomeResponse {
  const { status, headers, body } = RESPONSES[key];
  const length = String(Buffer.byteLength(body));
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': length, ...headers },
    body,
  };
}

function accepted(status: 200 | 202, kind: string) {
  return { status, headers: undefined, body: JSON.stringify({ status: kind }) };
}

function failure<const S extends number>(
  status: S,
  code: WebhookErrorCode,
  headers?: Readonly<Record<string, string>>,
) {
  return { status, headers, body: JSON.stringify({ error: { code, message: messageOf(code) } }) };
}
