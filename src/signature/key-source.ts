import { type Awaitable, after, type MaybePromise, within } from '../time.js';
import { createKeyRing, type KeyRing, type SecretInput, type Warn } from './keys.js';

/** Loads the keys, for example from a secret manager. What it gives is kept for `secretsMaxAgeMs`. */
export interface SecretsSource {
  (): Awaitable<SecretInput>;
  /**
   * Asked when a well-formed signature holds under none of the keys: gives newer ones, or undefined when there are none. It
   * is asked for every forgery, and once more if it gave some, so it must limit by itself how often it really looks. It is
   * told what was given last; giving that very object again means that nothing is new.
   */
  readonly renew?: (held: SecretInput | undefined) => Awaitable<SecretInput | undefined>;
}

/** Gives the keys to verify with; throws or rejects when there are none to be had. */
export interface KeySource {
  (): MaybePromise<KeyRing>;
  /** Newer keys than those that were tried, if there are; throws or rejects as well. */
  readonly renew?: (tried?: KeyRing) => MaybePromise<KeyRing | undefined>;
}

/** Keys that were given at construction. */
export function fixedKeys(ring: KeyRing): KeySource {
  return () => ring;
}

/**
 * Keys from a user's function: cached, loaded once however many requests wait, and bounded in time.
 * A failed load is not cached and falls back to nothing: a key that was withdrawn must not live on in a failure.
 */
export function loadedKeys(
  load: SecretsSource,
  { maxAgeMs, timeoutMs, warn }: { maxAgeMs: number; timeoutMs: number; warn: Warn },
): KeySource {
  let cached: { readonly input: SecretInput; readonly ring: KeyRing; readonly until: number } | undefined;
  let loading: Promise<KeyRing> | undefined;

  function keep(input: SecretInput): KeyRing {
    const ring = createKeyRing(input, 'secrets()', warn);
    cached = { input, ring, until: Date.now() + maxAgeMs };
    return ring;
  }

  const inTime = <T>(given: Awaitable<T>): MaybePromise<T> =>
    within(timeoutMs, given, () => new Error(`\`secrets\` gave nothing within ${timeoutMs} ms`));

  async function refresh(): Promise<KeyRing> {
    return keep(await inTime(load()));
  }

  function current(): MaybePromise<KeyRing> {
    if (cached !== undefined && Date.now() < cached.until) return cached.ring;
    loading ??= refresh().finally(() => {
      loading = undefined;
    });
    return loading;
  }

  const { renew } = load;
  if (renew === undefined) return current;

  function renewed(input: SecretInput | undefined): KeyRing | undefined {
    if (input === undefined) return undefined;
    // All who waited for the same look share its ring.
    return input === cached?.input && typeof input === 'object' ? cached.ring : keep(input);
  }

  return Object.assign(current, {
    renew: (tried?: KeyRing) => {
      // Somebody else may have been given newer ones in between.
      if (tried !== undefined && cached !== undefined && cached.ring !== tried && Date.now() < cached.until)
        return cached.ring;
      return after(inTime(renew(cached?.input)), renewed);
    },
  });
}
