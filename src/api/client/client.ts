import { unlessAborted } from '../../shared/abort-signals.js';
import { ConfigurationError } from '../../shared/errors.js';
import { isLoopback } from '../../shared/is-loopback.js';
import { invalid, positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import { LONGEST_DELAY_MS } from '../../shared/promises.js';
import { runSafely } from '../../shared/run-safely.js';
import { CakemailApiError } from './api-errors.js';
import type { HttpSettings, Retry } from './call.js';
import { Gate } from './gate.js';
import { Secrets } from './redact.js';
import { VISIBLE_ASCII } from './response-schemas.js';
import { Session } from './session.js';
import { send } from './transport.js';
import { Webhooks } from './webhooks.js';

/** Options of {@link CakemailApi}, which needs a token, or a user name and password. */
export interface CakemailApiOptions {
  /**
   * A personal access token (`ck_pat_…`) or another bearer token. It needs the permission to read webhooks, and for changes the
   * permission to write them.
   */
  readonly token?: string | undefined;
  /** The e-mail address of a user without a second factor. Used with `password`, instead of `token`. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The account to act on, when the user has several. */
  readonly accountId?: number | undefined;
  /** Default `https://api.cakemail.dev`. Plain http is allowed only for this machine itself. */
  readonly baseUrl?: string | undefined;
  /** Time limit for one response, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** The maximum number of attempts per call while the API is busy or cannot be reached. Default 5. */
  readonly attempts?: number | undefined;
  /** The maximum pause before the second attempt, in milliseconds; it doubles with each further attempt. Default 500. */
  readonly backoffMs?: number | undefined;
  /**
   * The longest Retry-After that a call waits for, in milliseconds. Default 30,000. A call that would have to wait longer fails
   * at once, and its error gives the time as `retryAt`. This client sends no call before that time.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Called before each pause after a failed attempt. Not called for a call that waits because the API sent Retry-After to another
   * call of this client.
   */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

const OPTION_NAMES = [
  'token',
  'username',
  'password',
  'accountId',
  'baseUrl',
  'timeoutMs',
  'attempts',
  'backoffMs',
  'maxWaitMs',
  'onRetry',
];
/** Source: Cakemail's guide "Using webhooks". */
const DEFAULT_BASE_URL = 'https://api.cakemail.dev';

/**
 * A client for the webhooks of Cakemail's API.
 *
 * ```ts
 * const api = new CakemailApi({ token: process.env.CAKEMAIL_TOKEN });
 * for await (const webhook of api.webhooks.list()) console.log(webhook.event, webhook.url);
 * ```
 *
 * Its calls reject with a {@link CakemailApiError}.
 *
 * @throws {ConfigurationError} for an invalid option.
 */
export class CakemailApi {
  readonly webhooks: Webhooks;

  constructor(options: CakemailApiOptions) {
    rejectUnknownKeys('CakemailApi options', options, OPTION_NAMES);
    const { onRetry = () => {} } = options;
    if (typeof onRetry !== 'function') throw invalid('`onRetry` must be a function.');
    const settings: HttpSettings = {
      baseUrl: parseBaseUrl(options.baseUrl ?? DEFAULT_BASE_URL),
      timeoutMs: positiveInteger('timeoutMs', options.timeoutMs, 10_000, LONGEST_DELAY_MS),
      attempts: positiveInteger('attempts', options.attempts, 5),
      backoffMs: positiveInteger('backoffMs', options.backoffMs, 500, LONGEST_DELAY_MS),
      maxWaitMs: positiveInteger('maxWaitMs', options.maxWaitMs, 30_000, LONGEST_DELAY_MS),
      onRetry: (retry) => runSafely(() => onRetry(retry), warn),
      gate: new Gate(),
      secrets: new Secrets(),
    };
    const { accountId } = options;
    if (accountId !== undefined) positiveInteger('accountId', accountId, 1);
    const session = new Session(parseCredentials(options), settings);
    this.webhooks = new Webhooks(async (call) => {
      const withAccount = { ...call, query: { ...call.query, account_id: accountId } };
      const { signal } = call;
      signal?.throwIfAborted();
      const token = await unlessAborted(session.token(), signal);
      try {
        return await send(withAccount, token, settings);
      } catch (thrown) {
        if (!(thrown instanceof CakemailApiError) || thrown.apiStatus !== 401) throw thrown;
        const renewed = await unlessAborted(session.reauthenticate(token), signal);
        if (renewed === undefined) throw thrown;
        return send(withAccount, renewed, settings);
      }
    }, settings);
  }
}

function parseCredentials({ token, username, password, accountId }: CakemailApiOptions) {
  const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
  if (token !== undefined && (username !== undefined || password !== undefined)) {
    throw invalid('Pass `token`, or `username` and `password`, not both.');
  }
  // `fetch` refuses a header with a line break, and its error quotes the whole token.
  if (isText(token) && VISIBLE_ASCII.test(token)) return { token };
  if (isText(username) && isText(password)) return { username, password, accountId };
  throw new ConfigurationError(
    'ERR_OPTION_INVALID',
    'CakemailApi needs a `token`, or a `username` and a `password`: one is missing, empty or not plain text.',
  );
}

function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url !== undefined && isPlain && isSafe) return url;
  throw invalid('`baseUrl` must be an https URL without credentials; http is allowed only for this machine itself.');
}

function warn({ message }: Error): void {
  emitProcessWarning('WARN_CALLBACK', `\`onRetry\` threw. ${message}`);
}
