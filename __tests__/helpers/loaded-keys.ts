import type { KeyRing, SecretInput } from '../../src/signature/key-ring.js';
import { type KeySource, LoadedKeys, type SecretsRequest, type SecretsSource } from '../../src/signature/key-source.js';

interface Options {
  readonly maxAgeMs?: number;
  readonly timeoutMs?: number;
  readonly warn?: (message: string) => void;
  readonly isCached?: boolean;
}

/** LoadedKeys over a function, with generous limits, and the requests that the function received. */
export function loadedKeys(load: SecretsSource, { isCached = false, ...options }: Options = {}) {
  const requests: SecretsRequest[] = [];
  const source: SecretsSource = Object.assign(
    (request: SecretsRequest) => {
      requests.push(request);
      return load(request);
    },
    { isCached },
  );
  const keys = new LoadedKeys(source, { maxAgeMs: 60_000, timeoutMs: 10_000, warn: () => {}, ...options });
  return { keys, requests };
}

/** A function that calls these in turn, and throws when there are none left. */
export function sequence(...answers: readonly SecretsSource[]): SecretsSource {
  const rest = [...answers];
  return (request) => {
    const next = rest.shift();
    if (next === undefined) throw new Error('The source was called once too often.');
    return next(request);
  };
}

/** A function whose calls stay pending until `give` is called. */
export function pending() {
  const calls: ((input: SecretInput) => void)[] = [];
  const load: SecretsSource = () => new Promise<SecretInput>((resolve) => calls.push(resolve));
  const give = (input: SecretInput): void => {
    for (const resolve of calls.splice(0)) resolve(input);
  };
  return { load, give };
}

/** The keys in the way in which a verifier gets them. */
export async function ringOf(keys: KeySource): Promise<KeyRing> {
  return keys.current ?? keys.load();
}

export function textsOf(ring: KeyRing | undefined): string[] | undefined {
  return ring?.map(({ key }) => key.export().toString('utf8'));
}

/** A monotonic clock that moves only when a test moves it. */
export function stopMonotonicClock() {
  const clock = { now: Math.round(performance.now()) };
  jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  return clock;
}

export const sealed = (): never => {
  throw new Error('the vault is sealed');
};
export const rejected: SecretsSource = async () => sealed();
export const old: SecretsSource = () => 'old';
export const both: SecretsSource = () => ['old', 'new'];
