import { contain } from '../contain.js';
import { ConfigurationError, toError } from '../errors.js';
import { emitProcessWarning } from '../log/process-warning.js';
import { checkMembers, wholeNumber } from '../option-checks.js';
import type { SecretsSource } from '../signature/key-source.js';
import type { SecretInput, SecretsByEvent } from '../signature/keys.js';
import type { Awaitable } from '../time.js';
import type { CakemailApi } from './client.js';
import { fetchKeys } from './fetch-keys.js';

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
   * any more. Left out, a process warning says so.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Keys from the API, for the router's `secrets`. */
export interface CakemailKeys extends SecretsSource {
  readonly renew: (held?: SecretInput) => Awaitable<SecretsByEvent | undefined>;
  /**
   * Looks now, for when a webhook was just created; after a look that runs already, as that may have begun before. The routers
   * take what it found when the first signature holds under none of theirs. Rejects when the API does.
   */
  refresh(): Promise<SecretsByEvent>;
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
 * minute, however many forgeries come. While the API is down the last known keys serve on; once it says that there is no
 * webhook any more, there are no keys.
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
  /** The look that begins as soon as that one is over. */
  let next: Promise<SecretsByEvent> | undefined;
  let expecting = 0;
  let failure: { readonly error: Error; readonly at: number } | undefined;

  function look(): Promise<SecretsByEvent> {
    lookedAt = performance.now();
    looking = fetchKeys({ api, url, known, graceMs })
      .then((keys) => {
        latest = keys;
        failure = undefined;
        return keys;
      })
      .catch((thrown) => {
        failure = { error: toError(thrown), at: performance.now() };
        // "There are none" is an answer, unlike none.
        if (thrown instanceof ConfigurationError) latest = undefined;
        throw failure.error;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
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
    contain(() => onError(toError(thrown)), warn);
  }

  function renew(held?: SecretInput): Awaitable<SecretsByEvent | undefined> {
    // Each router has its own copy, which a refresh() does not reach.
    if (latest !== undefined && latest !== held) return latest;
    // The look that is running may have begun too early.
    if (expecting > 0) return refresh();
    const running = next ?? looking;
    if (running !== undefined) return running;
    return performance.now() - lookedAt < renewMs ? undefined : look();
  }

  function expectNew(): () => void {
    expecting++;
    let isOver = false;
    return () => {
      if (!isOver) expecting--;
      isOver = true;
    };
  }

  return Object.assign(lastKnown, { renew, refresh, expectNew });
}

function warn(error: Error): void {
  const message = `The keys could not be looked up again. ${error.message}`;
  emitProcessWarning('WARN_KEYS', message);
}
