import { type Awaitable, isPromiseLike, withTimeout } from '../shared/promises.js';
import { createKeyRing, type KeyRing, type SecretInput, type Warn } from './key-ring.js';
import { SharedCall } from './shared-call.js';

/**
 * Loads the keys, for example from a secret manager. The router keeps the result for `secretsMaxAgeMs`. It also calls the
 * function when a well-formed signature matches none of the keys, at most once every 30 seconds, so that a new key is found
 * soon. When a call throws, rejects, returns unusable keys or exceeds `timeoutMs.dependency`, the next one follows 100 ms
 * later at the earliest; the delay doubles with every further failure, up to 30 s, and a success resets it. Without keys
 * requests get 503.
 */
export interface SecretsSource {
  (request: SecretsRequest): Awaitable<SecretInput>;
  /**
   * True for a source that caches its keys and limits its own calls, such as `cakemailKeys()`. The router then calls it for
   * every delivery, and again for every signature that matches none of the keys. The same object as before means the same
   * keys.
   */
  readonly isCached?: boolean;
}

/** The argument of a {@link SecretsSource}. */
export interface SecretsRequest {
  /** True when a well-formed signature matches none of the keys that were returned last. */
  readonly refresh: boolean;
}

/** Provides the keys to verify with. `bytes` is the size of the body that waits for them. */
export interface KeySource {
  /** The keys, if they are loaded. */
  readonly current: KeyRing | undefined;
  /** Loads the keys. Rejects when there are none, and with TooManyWaiting when too many requests already wait. */
  load(bytes?: number): Promise<KeyRing>;
  /** Loads newer keys. Returns undefined when it did so a moment ago. */
  refresh(bytes?: number): Promise<KeyRing> | undefined;
}

/** The shortest time between two calls of a source because a signature matched none of the keys. */
export const REFRESH_COOLDOWN_MS = 30_000;

/** Keys that were given at construction. */
export function fixedKeys(ring: KeyRing): KeySource {
  return { current: ring, load: async () => ring, refresh: () => undefined };
}

/**
 * Loads keys with a function of the application. It caches them, and limits the time, the number and the memory of its
 * calls. After a failed load no key is valid, because a failure must not extend the life of a withdrawn key.
 */
export class LoadedKeys implements KeySource {
  readonly #loading = new SharedCall(() => this.#call({ refresh: false }));
  readonly #refreshing = new SharedCall(() => this.#call({ refresh: true }));
  readonly #maxAgeMs: number;
  readonly #cooldownMs: number;
  #loaded:
    | { readonly input: SecretInput; readonly ring: KeyRing; readonly until: number; readonly calledAt: number }
    | undefined;
  #calledAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly source: SecretsSource,
    private readonly options: { readonly maxAgeMs: number; readonly timeoutMs: number; readonly warn: Warn },
  ) {
    this.#maxAgeMs = source.isCached ? 0 : options.maxAgeMs;
    this.#cooldownMs = source.isCached ? 0 : REFRESH_COOLDOWN_MS;
  }

  get current(): KeyRing | undefined {
    return this.#loaded !== undefined && Date.now() < this.#loaded.until ? this.#loaded.ring : undefined;
  }

  load(bytes = 0): Promise<KeyRing> {
    return this.source.isCached ? this.#loadCached(bytes) : this.#loading.join(bytes);
  }

  /** A request whose keys are there at once does not wait, so it does not count among those that do. */
  async #loadCached(bytes: number): Promise<KeyRing> {
    const calledAt = performance.now();
    const given = this.source({ refresh: false });
    if (!isPromiseLike(given)) return this.#keep(given, calledAt);
    const pending = Promise.resolve(given);
    pending.catch(() => {}); // it is not awaited when another call is running
    return this.#loading.join(bytes, () => this.#receive(pending, calledAt));
  }

  refresh(bytes = 0): Promise<KeyRing> | undefined {
    const isCooling = performance.now() - this.#calledAt < this.#cooldownMs;
    // A running call is shared, so that a burst of deliveries under a new key is not refused.
    return isCooling ? this.#refreshing.joinRunning(bytes) : this.#refreshing.joinNext(bytes);
  }

  async #call(request: SecretsRequest): Promise<KeyRing> {
    const calledAt = performance.now();
    this.#calledAt = calledAt;
    try {
      return await this.#receive(this.source(request), calledAt);
    } catch (thrown) {
      this.#calledAt = Number.NEGATIVE_INFINITY; // after a failure the backoff replaces the cooldown
      throw thrown;
    }
  }

  async #receive(given: Awaitable<SecretInput>, calledAt: number): Promise<KeyRing> {
    const { timeoutMs } = this.options;
    const late = (): Error => new Error(`\`secrets\` returned nothing within ${timeoutMs} ms`);
    return this.#keep(await withTimeout(timeoutMs, given, late), calledAt);
  }

  #keep(input: SecretInput, calledAt: number): KeyRing {
    const loaded = this.#loaded;
    const isSame = this.source.isCached && loaded !== undefined && input === loaded.input && typeof input === 'object';
    const ring = isSame ? loaded.ring : createKeyRing(input, 'secrets()', this.options.warn);
    // A slow call must not replace the keys of a later one.
    if (loaded === undefined || loaded.calledAt <= calledAt) {
      this.#loaded = { input, ring, until: Date.now() + this.#maxAgeMs, calledAt };
    }
    return ring;
  }
}
