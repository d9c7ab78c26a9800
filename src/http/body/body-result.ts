/** Why a body could not be read. */
export type BodyError = 'body_too_large' | 'body_timeout' | 'body_aborted' | 'body_consumed' | 'content_encoding';

/** The exact bytes of a body, or why they could not be read. */
export type BodyResult = { readonly bytes: Buffer } | { readonly reason: BodyError };

export interface BodyLimits {
  /** Bytes. */
  readonly limit: number;
  /** Milliseconds in which the rest of a body must arrive. */
  readonly timeoutMs: number;
}

/** Tests for a body that is not compressed. Any other is refused, because a small body can inflate to gigabytes. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
}
