import { type Awaitable, after, type MaybePromise, within } from '../time.js';
import { createKeyRing, type KeyRing, type SecretInput, type Warn } from './keys.js';

/** Loads the keys, for example from a secret manager. What it gives is kept for `secretsMaxAgeMs`. */
export interface SecretsSource {
  (): Awaitable<SecretInput>;
  /**
   * Asked when a well-formed signature holds under none of the keys: gives newer ones, or undefined when there are none. It
   * is asked for every forgery, so it must limit by itself how often it really looks.
   */
  readonly renew?: () => Awaitable<SecretInput | undefined>;
}

/** Gives the keys to verify with; throws or rejects when there are none to be had. */
export interface KeySource {
  (): MaybePromise<KeyRing>;
  /** Newer keys than those, if there are; throws or rejects as well. */
  readonly renew?: () => MaybePromise<KeyRing | undefined>;
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
  let cached: { readonly ring: KeyRing; readonly until: number } | undefined;
  let loading: Promise<KeyRing> | undefined;

  function keep(input: SecretInput): KeyRing {
    const ring = createKeyRing(input, 'secrets()', warn);
    cached = { ring, until: Date.now() + maxAgeMs };
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
  return Object.assign(current, {
    renew: () => after(inTime(renew()), (input) => (input === undefined ? undefined : keep(input))),
  });
}
