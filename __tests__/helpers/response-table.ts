import type { RejectionReason } from '../../src/index.js';

/** The response to each rejection. The tests of outcomes and of adapters both read it. */
export const REJECTIONS: Record<RejectionReason, [status: number, code: string, headers?: Record<string, string>]> = {
  missing: [403, 'ERR_SIGNATURE'],
  malformed: [403, 'ERR_SIGNATURE'],
  mismatch: [403, 'ERR_SIGNATURE'],
  wrong_key_for_event: [403, 'ERR_SIGNATURE'],
  too_old: [403, 'ERR_SIGNATURE'],
  not_utf8: [400, 'ERR_PAYLOAD'],
  not_json: [400, 'ERR_PAYLOAD'],
  not_object: [400, 'ERR_PAYLOAD'],
  no_event_name: [400, 'ERR_PAYLOAD'],
  schema_mismatch: [422, 'ERR_SCHEMA_MISMATCH'],
  schema_failed: [500, 'ERR_SCHEMA_FAILED'],
  body_too_large: [413, 'ERR_BODY_TOO_LARGE'],
  content_encoding: [415, 'ERR_CONTENT_ENCODING'],
  method: [405, 'ERR_METHOD', { allow: 'POST' }],
  body_timeout: [408, 'ERR_BODY_TIMEOUT'],
  body_aborted: [400, 'ERR_BODY_ABORTED'],
  body_consumed: [500, 'ERR_BODY_CONSUMED'],
  running_elsewhere: [409, 'ERR_DELIVERY_RUNNING', { 'retry-after': '5' }],
  keys_unavailable: [503, 'ERR_KEYS_UNAVAILABLE', { 'retry-after': '5' }],
  dedupe_unavailable: [503, 'ERR_DEDUPE_UNAVAILABLE', { 'retry-after': '5' }],
  inbox_unavailable: [503, 'ERR_INBOX_UNAVAILABLE', { 'retry-after': '5' }],
  closing: [503, 'ERR_CLOSING', { 'retry-after': '5' }],
  internal: [500, 'ERR_INTERNAL'],
};
