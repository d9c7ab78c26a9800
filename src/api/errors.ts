import { WebhookError } from '../errors.js';
import { failureSchema } from './schemas.js';

/** A call to Cakemail's API that did not come to a good end. Holds no token, no password and no key. */
export class CakemailApiError extends WebhookError {
  override readonly name = 'CakemailApiError';
  declare readonly code: 'ERR_API_REFUSED' | 'ERR_API_UNAVAILABLE' | 'ERR_API_RESPONSE' | 'ERR_API_MFA';
  /** The call, as in `POST /webhooks`. */
  readonly operation: string;
  /** The HTTP status that the API answered with; undefined when there was no answer. */
  readonly apiStatus: number | undefined;
  /** What the API said, a line each: `body.url: invalid or missing URL scheme`. */
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
    super(code, { message: `${operation}: ${[what, ...details].join('; ')}`, cause });
    this.operation = operation;
    this.apiStatus = apiStatus;
    this.details = details;
  }
}

/** The lines of an error's body, in whatever of the API's forms it comes. */
export function detailsOf(body: unknown): string[] {
  const parsed = failureSchema.safeParse(body);
  if (!parsed.success) return [];
  return parsed.data.detail.map(({ loc = [], msg }) => (loc.length === 0 ? msg : `${loc.join('.')}: ${msg}`));
}
