import { toError } from '../../shared/error-text.js';
import { ConfigurationError } from '../../shared/errors.js';
import { positiveInteger, rejectUnknownKeys } from '../../shared/option-checks.js';
import { emitProcessWarning } from '../../shared/process-warning.js';
import type { Awaitable } from '../../shared/promises.js';
import { runSafely } from '../../shared/run-safely.js';
import type { SecretsByEvent } from '../../signature/key-ring.js';
import type { SecretsRequest, SecretsSource } from '../../signature/key-source.js';
import type { CakemailApi } from '../client/client.js';
import type { ShownWebhook } from '../client/response-schemas.js';
import { type BoundKey, type ByEvent, type Fetched, fetchKeys, keyOf } from './fetch-keys.js';

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
  /**
   * Told when a look beside the deliveries failed: because of the API, and older keys serve on, or because there is no webhook
   * any more. Also called for each webhook whose key could not be read; the other keys serve. Left out, a process warning says so.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Keys from the API, for the router's `secrets`. */
export interface CakemailKeys extends SecretsSource {
  (request?: SecretsRequest): Awaitable<SecretsByEvent>;
  readonly isCached: true;
  /**
   * Looks now, for when a webhook was just created; after a look that runs already, as that may have begun before. The routers
   * use what it found from the next delivery on. Rejects when the API does.
   */
  refresh(): Promise<SecretsByEvent>;
  /**
   * Takes the key of a webhook that was read by its id, before any listing shows it. The routers use it
   * from the next delivery on. `rotateWebhook` calls it.
   *
   * @throws {CakemailApiError} when the webhook has no key.
   */
  add(webhook: ShownWebhook): void;
  /**
   * Until the returned function is called, a webhook may come into being and deliver at any moment: a signature under none of
   * the keys is looked into at once, one look after the other. `rotateWebhook` calls it.
   */
  expectNew(): () => void;
}

/**
 * The keys of all active webhooks on a URL, each bound to its event and named by its webhook's id:
 *
 * ```ts
 * const webhooks = createWebhookRouter({ secrets: cakemailKeys({ api, url }) });
 * ```
 *
 * They are looked up when the first delivery comes, and again when a signature holds under none of them, at most once a
 * minute, however many forgeries come, or after two seconds when the API failed to show one of the keys. While the API is down the last known keys serve on; once it says that there is no
 * webhook any more, there are no keys.
 *
 * @throws {ConfigurationError} when an option cannot be right.
 */
export function cakemailKeys(options: CakemailKeysOptions): CakemailKeys {
  rejectUnknownKeys('cakemailKeys() options', options, ['api', 'url', 'renewMs', 'maxAgeMs', 'graceMs', 'onError']);
  const { api, url, onError = warn } = options;
  const renewMs = positiveInteger('renewMs', options.renewMs, MINUTE_MS);
  const maxAgeMs = positiveInteger('maxAgeMs', options.maxAgeMs, 10 * MINUTE_MS);
  const graceMs = positiveInteger('graceMs', options.graceMs, 10 * MINUTE_MS);
  /** A webhook's key never changes, so each is asked for once. */
  const known = new Map<string, BoundKey>();
  /** Keys that were added, by the ids of webhooks that the list does not show yet. */
  const added = new Map<string, BoundKey>();
  /** The operations that failed at the last lookup, so that each is reported once. */
  let failed = new Set<string>();
  let isComplete = true;
  /** The keys of the last lookup; `latest` also has the keys that were added. */
  let found: ByEvent | undefined;
  let latest: SecretsByEvent | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<SecretsByEvent> | undefined;
  /** The look that begins as soon as that one is over. */
  let next: Promise<SecretsByEvent> | undefined;
  let expecting = 0;
  let failure: { readonly error: Error; readonly at: number } | undefined;

  function look(): Promise<SecretsByEvent> {
    lookedAt = performance.now();
    for (const [id, bound] of added) known.set(id, bound);
    looking = fetchKeys({ api, url, known, graceMs })
      .then(take)
      .catch((thrown) => {
        failure = { error: toError(thrown), at: performance.now() };
        // "There are none" is an answer, unlike none.
        if (thrown instanceof ConfigurationError) {
          latest = undefined;
          found = undefined;
          if (added.size > 0) return serve({});
        }
        throw failure.error;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  }

  function take({ keys, ids, failures }: Fetched): SecretsByEvent {
    for (const id of added.keys()) if (ids.has(id)) added.delete(id);
    for (const error of failures) if (!failed.has(error.operation)) tell(error);
    failed = new Set(failures.map(({ operation }) => operation));
    isComplete = failures.every(({ code }) => code !== 'ERR_API_UNAVAILABLE');
    return serve(keys);
  }

  function serve(keys: ByEvent): SecretsByEvent {
    found = keys;
    const all = { ...keys };
    for (const [id, { event, key }] of added) {
      const others = all[event] ?? [];
      if (!others.some((each) => each.id === id)) all[event] = [...others, { id, key }];
    }
    latest = all;
    failure = undefined;
    return latest;
  }

  function add(webhook: ShownWebhook): void {
    const { id, event } = webhook;
    added.set(id, { event, key: keyOf(webhook) });
    // Before the first lookup there is nothing to add to: that lookup takes it.
    if (found !== undefined) serve(found);
  }

  function refresh(): Promise<SecretsByEvent> {
    if (looking === undefined) return look();
    const begin = (): Promise<SecretsByEvent> => {
      next = undefined;
      return looking ?? look();
    };
    next ??= looking.then(begin, begin);
    return next;
  }

  function lastKnown(): SecretsByEvent | Promise<SecretsByEvent> {
    if (latest === undefined) {
      // The first deliveries share a look. One that failed is not repeated for each of a flood.
      if (failure !== undefined && performance.now() - failure.at < Math.min(renewMs, AGAIN_MS)) throw failure.error;
      return next ?? looking ?? look();
    }
    // Nobody waits for a look that is not needed.
    if (looking === undefined && performance.now() - lookedAt >= maxAgeMs) look().catch(tell);
    return latest;
  }

  function tell(thrown: unknown): void {
    runSafely(() => onError(toError(thrown)), warn);
  }

  /** For a signature that matches none of the keys. */
  function newest(): Awaitable<SecretsByEvent> {
    // A running lookup may have begun too early.
    if (expecting > 0) return refresh();
    const running = next ?? looking;
    if (running !== undefined) return running;
    const againMs = isComplete ? renewMs : Math.min(renewMs, AGAIN_MS);
    return latest !== undefined && performance.now() - lookedAt < againMs ? latest : look();
  }

  function expectNew(): () => void {
    expecting++;
    let isOver = false;
    return () => {
      if (!isOver) expecting--;
      isOver = true;
    };
  }

  const keys = ({ refresh: isRefresh }: SecretsRequest = { refresh: false }): Awaitable<SecretsByEvent> =>
    isRefresh ? newest() : lastKnown();
  return Object.assign(keys, { isCached: true as const, refresh, add, expectNew });
}

function warn(error: Error): void {
  const message = `Not every key could be looked up. ${error.message}`;
  emitProcessWarning('WARN_KEYS', message);
}
