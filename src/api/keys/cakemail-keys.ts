import { positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import type { Awaitable } from '../../shared/promises.js';
import { runSafely } from '../../shared/run-safely.js';
import type { SecretsByEvent } from '../../signature/key-ring.js';
import type { SecretsRequest, SecretsSource } from '../../signature/key-source.js';
import type { CakemailApi } from '../client/client.js';
import type { WebhookWithKey } from '../client/response-schemas.js';
import { KeyCache } from './key-cache.js';

const MINUTE_MS = 60_000;
const OPTION_NAMES = ['api', 'url', 'renewMs', 'maxAgeMs', 'graceMs', 'onError'];

/** Options of `cakemailKeys`. */
export interface CakemailKeysOptions {
  readonly api: CakemailApi;
  /** The URL that the webhooks deliver to, as registered at Cakemail. */
  readonly url: string;
  /** The minimum time between two lookups that an unknown signature causes, in milliseconds. Default 60,000. */
  readonly renewMs?: number | undefined;
  /** The age at which the keys are looked up again in any case, in milliseconds. Default 10 minutes. */
  readonly maxAgeMs?: number | undefined;
  /** How long the key of an archived webhook stays valid, in milliseconds. Default 10 minutes. */
  readonly graceMs?: number | undefined;
  /**
   * Called when a lookup in the background fails: either the API failed and the last known keys stay in use, or the URL has no
   * webhook any more. Also called for each webhook whose key cannot be read; the other keys stay in use. Default: a process
   * warning.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Keys from the API, for the router's `secrets`. */
export interface CakemailKeys extends SecretsSource {
  (request?: SecretsRequest): Awaitable<SecretsByEvent>;
  readonly isCached: true;
  /**
   * Looks the keys up now, for example after a webhook was created. A lookup that is already running ends first, because it may
   * have begun too early. The routers use the result from the next delivery on.
   *
   * @throws {ConfigurationError} when the URL has no active webhook.
   * @throws {CakemailApiError} when the API fails.
   */
  refresh(): Promise<SecretsByEvent>;
  /**
   * Adds the key of a webhook that was read by its id and that no listing shows yet. The routers use it from the next delivery
   * on. `rotateWebhook` calls it.
   *
   * @throws {CakemailApiError} when the webhook has no key.
   */
  add(webhook: WebhookWithKey): void;
  /**
   * Looks the keys up for every signature that matches none of them, one lookup at a time, until the returned function is called.
   * `rotateWebhook` calls it while it creates a webhook, which may deliver before its key is known.
   */
  watchForNewKeys(): () => void;
}

/**
 * The keys of all active webhooks on a URL, each bound to its event and named by its webhook's id:
 *
 * ```ts
 * const webhooks = createWebhookRouter({ secrets: cakemailKeys({ api, url }) });
 * ```
 *
 * The first delivery causes the first lookup. A signature that matches none of the keys causes another one, but at most one per
 * minute, so that forgeries cannot flood the API; when the API failed to return one of the keys, it may follow after two seconds.
 * While the API is down the last known keys stay in use. When it answers that the URL has no webhook, there are no keys.
 *
 * @throws {ConfigurationError} for an invalid option.
 */
export function cakemailKeys(options: CakemailKeysOptions): CakemailKeys {
  rejectUnknownKeys('cakemailKeys() options', options, OPTION_NAMES);
  const { api, url, onError = warn } = options;
  const cache = new KeyCache({
    api,
    url,
    renewMs: positiveInteger('renewMs', options.renewMs, MINUTE_MS),
    maxAgeMs: positiveInteger('maxAgeMs', options.maxAgeMs, 10 * MINUTE_MS),
    graceMs: positiveInteger('graceMs', options.graceMs, 10 * MINUTE_MS),
    report: (error) => runSafely(() => onError(error), warn),
  });
  const source = ({ refresh }: SecretsRequest = { refresh: false }): Awaitable<SecretsByEvent> =>
    refresh ? cache.newest() : cache.current();
  return Object.assign(source, {
    isCached: true as const,
    refresh: () => cache.refresh(),
    add: (webhook: WebhookWithKey) => cache.add(webhook),
    watchForNewKeys: () => cache.watchForNewKeys(),
  });
}

function warn({ message }: Error): void {
  emitProcessWarning('WARN_KEYS', `Not every key could be looked up. ${message}`);
}
