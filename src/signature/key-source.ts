import { type Awaitable, type MaybePromise, within } from '../time.js';
import { createKeyRing, type KeyRing, type SecretInput, type Warn } from './keys.js';

/** Loads the keys, for example from a secret manager. What it gives is kept for `secretsMaxAgeMs`. */
export type SecretsSource = () => Awaitable<SecretInput>;

/** Gives the keys to verify with; throws or rejects when there are none to be had. */
export type KeySource = () => MaybePromise<KeyRing>;

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

  async function refresh(): Promise<KeyRing> {
    const input = await within(timeoutMs, load(), () => new Error(`\`secrets\` gave nothing within ${timeoutMs} ms`));
    const ring = createKeyRing(input, 'secrets()', warn);
    cached = { ring, until: Date.now() + maxAgeMs };
    return ring;
  }

  return () => {
    if (cached !== undefined && Date.now() < cached.until) return cached.ring;
    loading ??= refresh().finally(() => {
      loading = undefined;
    });
    return loading;
  };
}
