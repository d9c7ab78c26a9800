import { ConfigurationError, toError } from '../errors.js';
import { checkMembers, wholeNumber } from '../option-checks.js';
import type { SecretsSource } from '../signature/key-source.js';
import type { NamedSecret, SecretsByEvent } from '../signature/keys.js';
import type { CakemailApi } from './client.js';
import { CakemailApiError } from './errors.js';
import type { Webhook } from './schemas.js';
import { type Cancellable, sameUrl } from './webhooks.js';

/** How many keys are asked for at the same time. */
const CONCURRENT = 5;
const MINUTE_MS = 60_000;
/** Between two looks as long as no key is known. */
const AGAIN_MS = 2_000;

/** Options of `cakemailKeys`. */
export interface CakemailKeysOptions {
  readonly api: CakemailApi;
  /** The URL that the webhooks deliver to, as Cakemail has it. */
  readonly url: string;
  /** Milliseconds between two looks because a signature did not hold. Default 60,000. */
  readonly renewMs?: number | undefined;
  /** Milliseconds after which the keys are looked up again all the same. Default 10 minutes. */
  readonly maxAgeMs?: number | undefined;
  /** Milliseconds for which the key of a webhook is still taken after it was archived. Default 10 minutes. */
  readonly graceMs?: number | undefined;
  /** Told when the API failed while older keys are at hand; otherwise a process warning says so. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Keys from the API, for the router's `secrets`. */
export interface CakemailKeys extends SecretsSource {
  readonly renew: () => Promise<SecretsByEvent> | undefined;
  /** Looks now, for when a webhook was just created. Rejects when the API does. */
  refresh(): Promise<SecretsByEvent>;
}

/**
 * The keys of all active webhooks on a URL, each bound to its event and named by its webhook's id:
 *
 * ```ts
 * const webhooks = createWebhookRouter({ secrets: cakemailKeys({ api, url }) });
 * ```
 *
 * They are looked up when the first delivery comes, and again when a signature holds under none of them, at most once a
 * minute, however many forgeries come. While the API is down the last known keys serve on.
 *
 * @throws {ConfigurationError} when an option cannot be right.
 */
export function cakemailKeys(options: CakemailKeysOptions): CakemailKeys {
  checkMembers('cakemailKeys() options', options, ['api', 'url', 'renewMs', 'maxAgeMs', 'graceMs', 'onError']);
  const { api, url, onError = warn } = options;
  const renewMs = wholeNumber('renewMs', options.renewMs, MINUTE_MS);
  const maxAgeMs = wholeNumber('maxAgeMs', options.maxAgeMs, 10 * MINUTE_MS);
  const graceMs = wholeNumber('graceMs', options.graceMs, 10 * MINUTE_MS);
  /** A webhook's key never changes, so each is asked for once. */
  const known = new Map<string, string>();
  let latest: SecretsByEvent | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<SecretsByEvent> | undefined;
  let failure: { readonly error: Error; readonly at: number } | undefined;

  function refresh(): Promise<SecretsByEvent> {
    lookedAt = performance.now();
    looking ??= fetchKeys({ api, url, known, graceMs })
      .then((keys) => {
        latest = keys;
        failure = undefined;
        return keys;
      })
      .catch((thrown) => {
        failure = { error: toError(thrown), at: performance.now() };
        throw failure.error;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  }

  function lastKnown(): SecretsByEvent | Promise<SecretsByEvent> {
    if (latest === undefined) {
      // The first deliveries share a look. One that failed is not repeated for each of a flood.
      if (failure !== undefined && performance.now() - failure.at < Math.min(renewMs, AGAIN_MS)) throw failure.error;
      return refresh();
    }
    // Nobody waits for a look that is not needed.
    if (performance.now() - lookedAt >= maxAgeMs) refresh().catch((thrown) => onError(toError(thrown)));
    return latest;
  }

  function renew(): Promise<SecretsByEvent> | undefined {
    if (looking !== undefined) return looking;
    return performance.now() - lookedAt < renewMs ? undefined : refresh();
  }

  return Object.assign(lastKnown, { renew, refresh });
}

function warn(error: Error): void {
  const message = `The keys could not be looked up again; the last known ones serve on. ${error.message}`;
  process.emitWarning(message, { type: 'CakemailWebhooksWarning', code: 'WARN_KEYS' });
}

/** The keys of the webhooks on a URL: one listing, and a call for each key that is not known yet. */
export async function fetchKeys({
  api,
  url,
  known = new Map(),
  graceMs = 0,
  signal,
}: {
  readonly api: CakemailApi;
  readonly url: string;
  readonly known?: Map<string, string>;
  readonly graceMs?: number;
} & Cancellable): Promise<SecretsByEvent> {
  const current: Webhook[] = [];
  for await (const webhook of api.webhooks.list({ withArchived: graceMs > 0, signal })) {
    const isCurrent = webhook.status === 'active' || Date.now() - (webhook.archivedAt?.getTime() ?? 0) < graceMs;
    if (isCurrent && sameUrl(webhook.url, url)) current.push(webhook);
  }
  const missing = current.filter(({ id }) => !known.has(id));
  for (let from = 0; from < missing.length; from += CONCURRENT) {
    const some = missing.slice(from, from + CONCURRENT);
    for (const { id, key } of await Promise.all(some.map(({ id }) => api.webhooks.show(id, { signal })))) {
      if (key === null) throw withoutKey(id);
      known.set(id, key);
    }
  }
  if (current.length === 0) {
    throw new ConfigurationError('ERR_SECRET_MISSING', 'Cakemail has no active webhook on this URL.');
  }
  const keys: Record<string, NamedSecret[]> = Object.create(null);
  for (const { id, event } of current) {
    keys[event] ??= [];
    keys[event].push({ id, key: known.get(id) as string });
  }
  return { ...keys };
}

function withoutKey(id: string): CakemailApiError {
  const what = 'the answer shows no key; the token may lack the right to see it';
  return new CakemailApiError('ERR_API_RESPONSE', `GET /webhooks/${id}`, { what });
}
