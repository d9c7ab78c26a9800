import { toError } from '../../shared/error-text.js';
import { ConfigurationError } from '../../shared/errors.js';
import type { Awaitable } from '../../shared/promises.js';
import type { SecretsByEvent } from '../../signature/key-ring.js';
import type { CakemailApi } from '../client/client.js';
import type { WebhookWithKey } from '../client/response-schemas.js';
import { type BoundKey, type FetchedKeys, fetchKeys, type KeysByEvent, keyOf } from './fetch-keys.js';

/** The longest pause before another lookup while the keys are incomplete or missing. */
const MAX_RETRY_MS = 2_000;

/** The options of `cakemailKeys()`, checked and with defaults. */
interface KeyCacheOptions {
  readonly api: CakemailApi;
  readonly url: string;
  readonly renewMs: number;
  readonly maxAgeMs: number;
  readonly graceMs: number;
  /** Reports a failed lookup that no caller waits for, and a webhook whose key cannot be read. It must not throw. */
  readonly report: (error: Error) => void;
}

/** The keys of all active webhooks on a URL. Decides when they are looked up, and shares each lookup between its callers. */
export class KeyCache {
  /** Keys by the ids of their webhooks. A webhook's key never changes, so each is read once. */
  readonly #known = new Map<string, BoundKey>();
  /** Keys that were passed to `add()`, by the ids of their webhooks, until a listing shows these. */
  readonly #added = new Map<string, BoundKey>();
  /** The keys of the last lookup. */
  #listed: KeysByEvent | undefined;
  /** The keys of the last lookup and those that were added. */
  #keys: SecretsByEvent | undefined;
  #lookedUpAt = Number.NEGATIVE_INFINITY;
  #running: Promise<SecretsByEvent> | undefined;
  /** The lookup that begins when the running one has ended. */
  #next: Promise<SecretsByEvent> | undefined;
  /** Why the last lookup failed, if it did. */
  #failure: { readonly error: Error; readonly at: number } | undefined;
  /** True when the API failed to return one of the keys, so that another lookup may succeed. */
  #isIncomplete = false;
  /** The calls that failed in the last lookup, so that each is reported once. */
  #failedOperations = new Set<string>();
  #watchers = 0;

  constructor(private readonly options: KeyCacheOptions) {}

  /** Returns the last known keys, and renews old ones in the background. Throws the error of a recent lookup if it found none. */
  current(): Awaitable<SecretsByEvent> {
    if (this.#keys === undefined) {
      // A flood of deliveries must not repeat a failed lookup for each of them.
      if (this.#failure !== undefined && elapsedSince(this.#failure.at) < this.#retryMs) throw this.#failure.error;
      return this.#next ?? this.#running ?? this.#lookUp();
    }
    const isOld = elapsedSince(this.#lookedUpAt) >= this.options.maxAgeMs;
    if (isOld && this.#running === undefined) this.#lookUp().catch((thrown) => this.options.report(toError(thrown)));
    return this.#keys;
  }

  /** Returns keys to retry a signature with that matched none of the current ones. */
  newest(): Awaitable<SecretsByEvent> {
    // A running lookup may have begun before the expected webhook was created.
    if (this.#watchers > 0) return this.refresh();
    const pending = this.#next ?? this.#running;
    if (pending !== undefined) return pending;
    const cooldownMs = this.#isIncomplete ? this.#retryMs : this.options.renewMs;
    const isCooling = elapsedSince(this.#lookedUpAt) < cooldownMs;
    return this.#keys !== undefined && isCooling ? this.#keys : this.#lookUp();
  }

  /** Looks the keys up. Waits for a running lookup first, because that one may have begun too early. */
  refresh(): Promise<SecretsByEvent> {
    if (this.#running === undefined) return this.#lookUp();
    const begin = (): Promise<SecretsByEvent> => {
      this.#next = undefined;
      return this.#running ?? this.#lookUp();
    };
    this.#next ??= this.#running.then(begin, begin);
    return this.#next;
  }

  add(webhook: WebhookWithKey): void {
    const { id, event } = webhook;
    this.#added.set(id, { event, key: keyOf(webhook) });
    // Before the first lookup nothing is served yet; that lookup includes the added key.
    if (this.#listed !== undefined) this.#serve(this.#listed);
  }

  watchForNewKeys(): () => void {
    this.#watchers++;
    let isWatching = true;
    return () => {
      if (isWatching) this.#watchers--;
      isWatching = false;
    };
  }

  get #retryMs(): number {
    return Math.min(this.options.renewMs, MAX_RETRY_MS);
  }

  #lookUp(): Promise<SecretsByEvent> {
    this.#lookedUpAt = performance.now();
    this.#running = this.#fetch().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #fetch(): Promise<SecretsByEvent> {
    const { api, url, graceMs } = this.options;
    for (const [id, bound] of this.#added) this.#known.set(id, bound);
    try {
      return this.#accept(await fetchKeys({ api, url, known: this.#known, graceMs }));
    } catch (thrown) {
      const error = toError(thrown);
      this.#failure = { error, at: performance.now() };
      // The API answered that the URL has no webhook, so the keys of the last lookup are no longer valid.
      if (error instanceof ConfigurationError) {
        this.#listed = undefined;
        this.#keys = undefined;
        if (this.#added.size > 0) return this.#serve({});
      }
      throw error;
    }
  }

  #accept({ keys, ids, failures }: FetchedKeys): SecretsByEvent {
    for (const id of this.#added.keys()) if (ids.has(id)) this.#added.delete(id);
    for (const error of failures) if (!this.#failedOperations.has(error.operation)) this.options.report(error);
    this.#failedOperations = new Set(failures.map(({ operation }) => operation));
    this.#isIncomplete = failures.some(({ code }) => code === 'ERR_API_UNAVAILABLE');
    return this.#serve(keys);
  }

  #serve(listed: KeysByEvent): SecretsByEvent {
    const keys = { ...listed };
    for (const [id, { event, key }] of this.#added) {
      const others = keys[event] ?? [];
      if (!others.some((each) => each.id === id)) keys[event] = [...others, { id, key }];
    }
    this.#listed = listed;
    this.#keys = keys;
    this.#failure = undefined;
    return keys;
  }
}

/** Milliseconds since a time of `performance.now()`. */
function elapsedSince(time: number): number {
  return performance.now() - time;
}
