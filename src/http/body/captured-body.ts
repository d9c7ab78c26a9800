import type { IncomingMessage } from 'node:http';

/** A request as it reaches a middleware: others may have read it before and left what they read. */
export interface CapturableRequest extends IncomingMessage {
  /** Bytes kept by `keepRawBody` or by a serverless platform. */
  rawBody?: unknown;
  /** What a body parser made of it. */
  body?: unknown;
}

/** Why a body could not be had. */
export type BodyFlaw = 'body_too_large' | 'body_timeout' | 'body_aborted' | 'body_consumed' | 'content_encoding';

/** The exact bytes of a body, in the pieces in which they came. None is an empty body. */
export type Pieces = readonly Buffer[];

export type CapturedBody = { readonly pieces: Pieces } | { readonly reason: BodyFlaw };

/** Whether a body arrives as it is. A compressed one is refused, because a small body can inflate to gigabytes. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
}

export interface BodyLimits {
  /** Bytes. */
  readonly limit: number;
  /** Milliseconds from the first look at the request to its last byte. */
  readonly timeoutMs: number;
}
