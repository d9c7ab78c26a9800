import { WebhookError } from '../errors.js';

/** No message of this package's is longer than a terminal can show, whatever the API answers. */
const MOST_DETAILS = 10;
const LONGEST_DETAIL = 300;

/** A call to Cakemail's API that did not come to a good end. Holds no token, no password and no key. */
export class CakemailApiError extends WebhookError {
  override readonly name = 'CakemailApiError';
  declare readonly code: 'ERR_API_REFUSED' | 'ERR_API_UNAVAILABLE' | 'ERR_API_RESPONSE' | 'ERR_API_MFA';
  /** The call, as in `POST /webhooks`. */
  readonly operation: string;
  /** The HTTP status that the API answered with; undefined when there was no answer. */
  readonly apiStatus: number | undefined;
  /** What the API said, a line each: `body.url: invalid or missing URL scheme`. At most ten, of 300 characters at most. */
  readonly details: readonly string[];

  constructor(
    code: CakemailApiError['code'],
    operation: string,
    {
      what,
      apiStatus,
      details = [],
      cause,
    }: { what: string; apiStatus?: number; details?: readonly string[]; cause?: Error },
  ) {
    const shown = details.slice(0, MOST_DETAILS).map(printable);
    super(code, { message: `${operation}: ${[what, ...shown].join('; ')}`, cause });
    this.operation = operation;
    this.apiStatus = apiStatus;
    this.details = shown;
  }
}

/** Text from outside goes to terminals and logs: it must not steer them, nor fill them. */
function printable(text: string): string {
  const clean = text.slice(0, LONGEST_DETAIL).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return text.length <= LONGEST_DETAIL ? clean : `${clean.replace(/[\ud800-\udbff]$/, '')}…`;
}

/**
 * The lines of an error's body. By the OpenAPI document `detail` is a list of objects with `loc` and `msg`; whatever text is
 * there is better than none.
 */
export function detailsOf(body: unknown): string[] {
  const { detail } = asRecord(body);
  const entries: readonly unknown[] = Array.isArray(detail) ? detail : [detail];
  return entries.flatMap((entry) => {
    if (typeof entry === 'string') return [entry];
    const { loc, msg } = asRecord(entry);
    if (typeof msg !== 'string') return [];
    const path = Array.isArray(loc) ? loc.filter((each) => typeof each === 'string' || typeof each === 'number') : [];
    return [path.length === 0 ? msg : `${path.join('.')}: ${msg}`];
  });
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
