import { toOneLine } from '../../shared/control-chars.js';
import { WebhookError } from '../../shared/errors.js';
import { recordOf } from '../../shared/record-of.js';
import { truncate } from '../../shared/truncate.js';

/** No message of this package's is longer than a terminal can show, whatever the API answers. */
const MOST_DETAILS = 10;
const LONGEST_DETAIL = 300;

interface Said {
  readonly what: string;
  readonly event?: string | undefined;
  readonly apiStatus?: number | undefined;
  readonly details?: readonly string[];
  readonly retryAt?: Date | undefined;
  readonly cause?: unknown;
}

/** A call to Cakemail's API that did not come to a good end. Holds no token, no password and no key. */
export class CakemailApiError extends WebhookError {
  override readonly name = 'CakemailApiError';
  declare readonly code: 'ERR_API_REFUSED' | 'ERR_API_UNAVAILABLE' | 'ERR_API_RESPONSE' | 'ERR_API_MFA';
  /** The call, as in `POST /webhooks`. */
  readonly operation: string;
  /** The event whose webhook was to be created, changed or archived, where the call was made for one. */
  readonly event: string | undefined;
  /** The HTTP status that the API answered with; undefined when there was no answer. */
  readonly apiStatus: number | undefined;
  /** What the API said, a line each: `body.url: invalid or missing URL scheme`. At most ten, of 300 characters at most. */
  readonly details: readonly string[];
  /** The time before which the API does not want to be called, if it named one. */
  readonly retryAt: Date | undefined;
  readonly #said: Said;

  constructor(code: CakemailApiError['code'], operation: string, said: Said) {
    const { what, event, apiStatus, details = [], retryAt, cause } = said;
    const shown = details.slice(0, MOST_DETAILS).map(printable);
    const about = event === undefined ? '' : `${printable(event)}: `;
    super(code, { message: `${about}${operation}: ${[what, ...shown].join('; ')}`, cause });
    this.operation = operation;
    this.event = event;
    this.apiStatus = apiStatus;
    this.details = shown;
    this.retryAt = retryAt;
    this.#said = said;
  }

  /** The same error, which also names its event, ends with a further detail, or has another cause. */
  with({ event = this.event, detail, cause = this.cause }: Addition): CakemailApiError {
    const details = detail === undefined ? this.details : [...this.details.slice(0, MOST_DETAILS - 1), detail];
    return new CakemailApiError(this.code, this.operation, { ...this.#said, event, details, cause });
  }
}

/** One error for several: the first, which also says what the others say, with all of them in its `cause`. */
export function together([first, ...others]: readonly [CakemailApiError, ...CakemailApiError[]]): CakemailApiError {
  if (others.length === 0) return first;
  const detail = `and ${others.length} more: ${others.map(({ message }) => message).join('; ')}`;
  const errors = [first, ...others];
  return first.with({ detail, cause: new AggregateError(errors, `${errors.length} calls failed`) });
}

interface Addition {
  readonly event?: string | undefined;
  readonly detail?: string;
  readonly cause?: unknown;
}

/** Text from outside goes to terminals and logs: it must not steer them, nor fill them. */
function printable(text: string): string {
  return toOneLine(truncate(text, LONGEST_DETAIL));
}

/**
 * The lines of an error's body. By the OpenAPI document `detail` is a list of objects with `loc` and `msg`; whatever text is
 * there is better than none.
 */
export function detailsOf(body: unknown): string[] {
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
