import { unlessAborted } from '../../shared/abort-signals.js';
import { ConfigurationError } from '../../shared/errors.js';
import { isLoopback } from '../../shared/is-loopback.js';
import { invalid, positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import { LONGEST_DELAY_MS } from '../../shared/promises.js';
import { runSafely } from '../../shared/run-safely.js';
import type { HttpSettings, Retry } from './call.js';
import { Gate } from './gate.js';
import { Secrets } from './redact.js';
import { VISIBLE_ASCII } from './response-schemas.js';
import { Session } from './session.js';
import { send } from './transport.js';
import { Webhooks } from './webhooks.js';

/** Options of {@link CakemailApi}: a token, or a user name and password. */
export interface CakemailApiOptions {
  /** A personal access token (`ck_pat_…`) or another bearer token. It needs the right to read webhooks, and to write them for what changes them. */
  readonly token?: string | undefined;
  /** With `password`, in place of `token`: the e-mail address of a user without a second factor. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The account that is meant, when the user has several. */
  readonly accountId?: number | undefined;
  /** Default `https://api.cakemail.dev`. Plain http only for this machine itself. */
  readonly baseUrl?: string | undefined;
  /** Milliseconds for one answer. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** How often a call is made at most, as long as the API is busy or away. Default 5. */
  readonly attempts?: number | undefined;
  /** The most milliseconds before the second attempt; each further wait may be twice as long. Default 500. */
  readonly backoffMs?: number | undefined;
  /**
   * The most milliseconds that the API may ask to wait for with Retry-After. Default 30,000. A call that would have to wait
   * longer fails at once, and its error has the time as `retryAt`. No call of this client is sent before that time.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Called before each wait because a call failed and is made again. Not called for a call that waits because another call of this
   * client was asked to with Retry-After.
   */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

const MEMBERS = [
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
const BASE_URL = 'https://api.cakemail.dev';

/**
 * Cakemail's API, as far as webhooks go.
 *
 * ```ts
 * const api = new CakemailApi({ token: process.env.CAKEMAIL_TOKEN });
 * for await (const webhook of api.webhooks.list()) console.log(webhook.event, webhook.url);
 * ```
 *
 * Its calls reject with a {@link CakemailApiError}.
 *
 * @throws {ConfigurationError} when an option cannot be right.
 */
export class CakemailApi {
  readonly webhooks: Webhooks;

  constructor(options: CakemailApiOptions) {
    rejectUnknownKeys('CakemailApi options', options, MEMBERS);
    const { onRetry = () => {} } = options;
    if (typeof onRetry !== 'function') throw invalid('`onRetry` must be a function.');
    const settings: HttpSettings = {
      baseUrl: baseUrlOf(options.baseUrl ?? BASE_URL),
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
    const session = new Session(credentialsOf(options), settings);
    this.webhooks = new Webhooks(async (call) => {
      const withAccount = { ...call, query: { ...call.query, account_id: accountId } };
      const { signal } = call;
      signal?.throwIfAborted();
      const token = await unlessAborted(session.token(), signal);
      try {
        return await send(withAccount, token, settings);
      } catch (thrown) {
        if ((thrown as { apiStatus?: unknown }).apiStatus !== 401) throw thrown;
        const renewed = await unlessAborted(session.insteadOf(token), signal);
        if (renewed === undefined) throw thrown;
        return send(withAccount, renewed, settings);
      }
    }, settings);
  }
}

function credentialsOf({ token, username, password, accountId }: CakemailApiOptions) {
  const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
  if (token !== undefined && (username !== undefined || password !== undefined)) {
    throw invalid('Pass `token`, or `username` and `password`, not both.');
  }
  // It goes into a header: a line break in it would not be sent, but shown in the error of fetch.
  if (isText(token) && VISIBLE_ASCII.test(token)) return { token };
  if (isText(username) && isText(password)) return { username, password, accountId };
  throw new ConfigurationError(
    'ERR_OPTION_INVALID',
    'CakemailApi needs a `token`, or a `username` and a `password`: one is missing, empty or not plain text.',
  );
}

function baseUrlOf(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url !== undefined && isPlain && isSafe) return url;
  throw invalid('`baseUrl` must be an https address without credentials; http is for this machine itself.');
}

function warn({ message }: Error): void {
  emitProcessWarning('WARN_CALLBACK', `\`onRetry\` threw. ${message}`);
}
