import { type Awaitable, after, attempt, isPromised, type MaybePromise, within } from '../shared/promises.js';
import { Backoff } from './backoff.js';
import { createKeyRing, type KeyRing, type SecretInput, type Warn } from './key-ring.js';
import { WaitLimit } from './wait-limit.js';

/**
 * Loads the keys, for example from a secret manager. Its result is kept for `secretsMaxAgeMs`. When it throws, rejects,
 * gives unusable keys or exceeds `timeoutMs.keys`, requests get 503 and it is called again after 100 ms at the earliest;
 * the delay doubles with every further failure, up to 30 s, and a success resets it.
 */
export interface SecretsSource {
  (): Awaitable<SecretInput>;
  /**
   * Asked when a well-formed signature holds under none of the keys: gives newer ones, or undefined when there are none. It
   * may be asked for every forgery, and once more if it gave some, so it must limit by itself how often it really looks.
   * While a call is pending no other begins, and after a failure it is called again after the same delays as above. Its
   * argument is what was given last; giving that very object again means that nothing is new.
   */
  readonly renew?: (held: SecretInput | undefined) => Awaitable<SecretInput | undefined>;
}

/**
 * Gives the keys to verify with; throws or rejects when there are none. `bytes` is the size of the body that waits for
 * them: beyond a bound it throws TooManyWaiting.
 */
export interface KeySource {
  (bytes?: number): MaybePromise<KeyRing>;
  /** Newer keys than those that were tried, if there are; throws or rejects as well. */
  readonly renew?: (tried?: KeyRing, bytes?: number) => MaybePromise<KeyRing | undefined>;
}

/** Keys that were given at construction. */
export function fixedKeys(ring: KeyRing): KeySource {
  return () => ring;
}

/**
 * Keys from a user's function: cached, loaded once however many requests wait, and bounded in time, calls and memory.
 * After a failed load there are no keys, because a key that was withdrawn must not live on in a failure.
 */
export function loadedKeys(
  load: SecretsSource,
  { maxAgeMs, timeoutMs, warn }: { maxAgeMs: number; timeoutMs: number; warn: Warn },
): KeySource {
  const backoff = new Backoff();
  const waiting = new WaitLimit();
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
    try {
      const ring = keep(await inTime(load()));
      backoff.succeed();
      return ring;
    } catch (thrown) {
      return backoff.fail(thrown);
    }
  }

  function begin(): Promise<KeyRing> {
    backoff.check();
    return refresh().finally(() => {
      loading = undefined;
    });
  }

  function current(bytes = 0): MaybePromise<KeyRing> {
    if (cached !== undefined && Date.now() < cached.until) return cached.ring;
    return waiting.wait(bytes, () => {
      loading ??= begin();
      return loading;
    });
  }

  const { renew } = load;
  if (renew === undefined) return current;

  function renewed(input: SecretInput | undefined): KeyRing | undefined {
    if (input === undefined) return undefined;
    // All who waited for the same look share its ring.
    return input === cached?.input && typeof input === 'object' ? cached.ring : keep(input);
  }

  const look = oneAtATime(() => after(inTime(renew(cached?.input)), renewed));
  const looking = new WaitLimit();

  /** Keys that were found for another request in the meantime. */
  function newerThan(tried: KeyRing | undefined): KeyRing | undefined {
    const isNewer = tried !== undefined && cached !== undefined && cached.ring !== tried && Date.now() < cached.until;
    return isNewer ? cached?.ring : undefined;
  }

  return Object.assign(current, {
    renew: (tried?: KeyRing, bytes = 0): MaybePromise<KeyRing | undefined> =>
      newerThan(tried) ??
      attempt(
        () => looking.wait(bytes, look),
        (ring) => ring ?? newerThan(tried),
        (error) => {
          const ring = newerThan(tried);
          if (ring === undefined) throw error;
          return ring;
        },
      ),
  });
}

/**
 * Calls `look` at most once at a time, and after a failure only after a delay. Requests that come during a call wait for
 * it. If it finds nothing they share the next call, because the running one may have begun too early for them.
 */
function oneAtATime<T>(look: () => MaybePromise<T | undefined>): () => MaybePromise<T | undefined> {
  const backoff = new Backoff();
  let running: Promise<T | undefined> | undefined;
  let next: Promise<T | undefined> | undefined;

  function begin(): MaybePromise<T | undefined> {
    backoff.check();
    const result = attempt(
      look,
      (found) => {
        backoff.succeed();
        return found;
      },
      (error) => backoff.fail(error),
    );
    if (!isPromised(result)) return result;
    running = result.finally(() => {
      running = undefined;
    });
    return running;
  }

  function goOn(found?: T): MaybePromise<T | undefined> {
    next = undefined;
    return found ?? running ?? begin();
  }

  return () => {
    if (running === undefined) return begin();
    next ??= running.then(goOn, () => goOn());
    return next;
  };
}
