import { toOneLine } from '../../shared/control-chars.js';
import { WebhookError } from '../../shared/errors.js';
import { recordOf } from '../../shared/is-record.js';
import { truncate } from '../../shared/truncate.js';

/** These limits keep a message readable in a terminal, whatever the API answers. */
const MAX_DETAILS = 10;
const MAX_DETAIL_LENGTH = 300;

interface ErrorContent {
  readonly summary: string;
  readonly event?: string | undefined;
  readonly apiStatus?: number | undefined;
  readonly details?: readonly string[];
  readonly retryAt?: Date | undefined;
  readonly cause?: unknown;
}

/** Thrown when a call to Cakemail's API fails. It holds no token, no password and no key. */
export class CakemailApiError extends WebhookError {
  override readonly name = 'CakemailApiError';
  declare readonly code: 'ERR_API_REFUSED' | 'ERR_API_UNAVAILABLE' | 'ERR_API_RESPONSE' | 'ERR_API_MFA';
  /** The call, as in `POST /webhooks`. */
  readonly operation: string;
  /** The event whose webhook was to be created, changed or archived, where the call was made for one. */
  readonly event: string | undefined;
  /** The HTTP status that the API answered with; undefined when it did not answer. */
  readonly apiStatus: number | undefined;
  /** The API's own explanations, such as `body.url: invalid or missing URL scheme`. At most ten, each of at most 300 characters. */
  readonly details: readonly string[];
  /** The time before which the API does not accept another call, if it named one. */
  readonly retryAt: Date | undefined;
  readonly #content: ErrorContent;

  constructor(code: CakemailApiError['code'], operation: string, content: ErrorContent) {
    const { summary, event, apiStatus, details = [], retryAt, cause } = content;
    const shortened = details.slice(0, MAX_DETAILS).map(toShortLine);
    const prefix = event === undefined ? '' : `${toShortLine(event)}: `;
    super(code, { message: `${prefix}${operation}: ${[summary, ...shortened].join('; ')}`, cause });
    this.operation = operation;
    this.event = event;
    this.apiStatus = apiStatus;
    this.details = shortened;
    this.retryAt = retryAt;
    this.#content = content;
  }

  /** Copies the error with another event or cause, or with one more detail at the end. */
  with({ event = this.event, detail, cause = this.cause }: Changes): CakemailApiError {
    const details = detail === undefined ? this.details : [...this.details.slice(0, MAX_DETAILS - 1), detail];
    return new CakemailApiError(this.code, this.operation, { ...this.#content, event, details, cause });
  }
}

interface Changes {
  readonly event?: string | undefined;
  readonly detail?: string;
  readonly cause?: unknown;
}

/** Combines several errors into the first one: its message quotes the others, and its `cause` holds all of them. */
export function combineErrors([first, ...others]: readonly [
  CakemailApiError,
  ...CakemailApiError[],
]): CakemailApiError {
  if (others.length === 0) return first;
  const detail = `and ${others.length} more: ${others.map(({ message }) => message).join('; ')}`;
  const errors = [first, ...others];
  return first.with({ detail, cause: new AggregateError(errors, `${errors.length} calls failed`) });
}

function toShortLine(text: string): string {
  return toOneLine(truncate(text, MAX_DETAIL_LENGTH));
}

/**
 * Reads the explanations in the body of an error response. The OpenAPI document defines `detail` as a list of objects with `loc`
 * and `msg`; plain text in its place is accepted too.
 */
export function parseDetails(body: unknown): string[] {
  const { detail } = recordOf(body);
  const entries: readonly unknown[] = Array.isArray(detail) ? detail : [detail];
  return entries.flatMap((entry) => {
    if (typeof entry === 'string') return [entry];
    const { loc, msg } = recordOf(entry);
    if (typeof msg !== 'string') return [];
    const path = Array.isArray(loc) ? loc.filter((each) => typeof each === 'string' || typeof each === 'number') : [];
    return [path.length === 0 ? msg : `${path.join('.')}: ${msg}`];
  });
}
