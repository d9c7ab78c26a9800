import { SourceNotCalled } from '../../src/signature/backoff.js';
import { createKeyRing, type KeyRing, type SecretInput } from '../../src/signature/key-ring.js';
import {
  fixedKeys,
  type KeySource,
  LoadedKeys,
  REFRESH_COOLDOWN_MS,
  type SecretsRequest,
  type SecretsSource,
} from '../../src/signature/key-source.js';

afterEach(() => {
  jest.restoreAllMocks();
});

interface Options {
  readonly maxAgeMs?: number;
  readonly timeoutMs?: number;
  readonly warn?: (message: string) => void;
  readonly isCached?: boolean;
}

/** The loaded keys of a function, with generous limits, and the requests that the function got. */
function bench(load: SecretsSource, { isCached = false, ...options }: Options = {}) {
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

/** A function that returns these in turn, and an error once there are none left. */
function sequence(...answers: readonly SecretsSource[]): SecretsSource {
  const rest = [...answers];
  return (request) => {
    const next = rest.shift();
    if (next === undefined) throw new Error('The source was called once too often.');
    return next(request);
  };
}

/** A function whose calls stay pending until `give` is called. */
function pending() {
  const calls: ((input: SecretInput) => void)[] = [];
  const load: SecretsSource = () => new Promise<SecretInput>((resolve) => calls.push(resolve));
  const give = (input: SecretInput): void => {
    for (const resolve of calls.splice(0)) resolve(input);
  };
  return { load, give };
}

/** The keys as a verifier gets them. */
async function ringOf(keys: KeySource): Promise<KeyRing> {
  return keys.current ?? keys.load();
}

function textsOf(ring: KeyRing | undefined): string[] | undefined {
  return ring?.map(({ key }) => key.export().toString('utf8'));
}

/** A monotonic clock that moves only when a test moves it. */
function stopMonotonicClock() {
  const clock = { now: Math.round(performance.now()) };
  jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  return clock;
}

/** A wall clock that moves only when a test moves it. */
function stopWallClock() {
  const clock = { now: Date.now() };
  jest.spyOn(Date, 'now').mockImplementation(() => clock.now);
  return clock;
}

const sealed = (): never => {
  throw new Error('the vault is sealed');
};
const rejected: SecretsSource = async () => sealed();
const old: SecretsSource = () => 'old';
const both: SecretsSource = () => ['old', 'new'];

test('fixed keys are always current, and are never refreshed', async () => {
  const ring = createKeyRing('key', 'secret', () => {});
  const keys = fixedKeys(ring);
  expect(keys.current).toBe(ring);
  expect(await keys.load()).toBe(ring);
  expect(keys.refresh()).toBeUndefined();
});

describe('load()', () => {
  test.each<[string, SecretsSource]>([
    ['at once', both],
    ['by a promise', async (request) => both(request)],
  ])('resolves to the keys that the source returns %s', async (_how, load) => {
    const { keys, requests } = bench(load);
    expect(textsOf(await keys.load())).toEqual(['old', 'new']);
    expect(textsOf(keys.current)).toEqual(['old', 'new']);
    expect(requests).toEqual([{ refresh: false }]);
  });

  test('is what first calls the source', () => {
    const { keys, requests } = bench(old);
    expect(keys.current).toBeUndefined();
    expect(requests).toEqual([]);
  });

  test('shares one call among all requests that wait', async () => {
    const { load, give } = pending();
    const { keys, requests } = bench(load);
    const waiting = [keys.load(), keys.load(), keys.load()];
    give('key');
    const rings = await Promise.all(waiting);
    expect(requests).toHaveLength(1);
    expect(new Set(rings).size).toBe(1);
  });

  test('shares one failure among all requests that wait', async () => {
    const { keys, requests } = bench(rejected);
    const settled = await Promise.allSettled([keys.load(), keys.load()]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(requests).toHaveLength(1);
  });

  test('reports a doubtful key when the key is loaded, and not when it is used', async () => {
    const warnings: string[] = [];
    const { keys } = bench(() => 'key ', { warn: (message) => warnings.push(message) });
    await ringOf(keys);
    await ringOf(keys);
    expect(warnings).toEqual([expect.stringContaining('`secrets()` has white space around it.')]);
  });
});

describe('the age of loaded keys', () => {
  test('ends their use when it reaches the limit, and they are loaded again', async () => {
    const clock = stopWallClock();
    const { keys, requests } = bench(old, { maxAgeMs: 1000 });
    const first = await ringOf(keys);
    clock.now += 999;
    expect(keys.current).toBe(first);
    clock.now += 1;
    expect(keys.current).toBeUndefined();
    expect(await ringOf(keys)).not.toBe(first);
    expect(requests).toEqual([{ refresh: false }, { refresh: false }]);
  });

  test('is counted from the end of the call', async () => {
    const clock = stopWallClock();
    const { keys, requests } = bench(
      async () => {
        clock.now += 5000;
        return 'key';
      },
      { maxAgeMs: 1000 },
    );
    await ringOf(keys);
    await ringOf(keys);
    expect(requests).toHaveLength(1);
  });

  test('is not extended by a failed call', async () => {
    const clock = stopWallClock();
    const { keys } = bench(sequence(old, sealed), { maxAgeMs: 1000 });
    await keys.load();
    clock.now += 1000;
    await expect(keys.load()).rejects.toThrow('the vault is sealed');
    expect(keys.current).toBeUndefined();
  });
});

describe('a source that fails', () => {
  test.each<[string, SecretsSource, string]>([
    ['throws', sealed, 'the vault is sealed'],
    ['rejects', rejected, 'the vault is sealed'],
    ['returns nothing', (() => undefined) as unknown as SecretsSource, '`secrets()` is undefined.'],
    ['returns an empty key', async () => '', '`secrets()` is empty.'],
    ['returns an empty list', () => [], '`secrets()` is an empty list.'],
    ['returns an empty map', () => ({}), '`secrets()` is an empty map.'],
    ['returns an empty key in a map', () => ({ 'User.LoggedIn': '' }), '`secrets()["User.LoggedIn"]` is empty.'],
  ])('because it %s has no keys, and is called again 100 ms later', async (_how, load, message) => {
    const clock = stopMonotonicClock();
    const { keys, requests } = bench(sequence(load, () => 'key'));
    await expect(keys.load()).rejects.toThrow(message);
    clock.now += 99;
    const early = keys.load();
    await expect(early).rejects.toThrow(message);
    await expect(early).rejects.toThrow(SourceNotCalled);
    expect(requests).toHaveLength(1);
    clock.now += 1;
    expect(textsOf(await keys.load())).toEqual(['key']);
    expect(requests).toHaveLength(2);
  });

  test('because it never answers is given up, and is called again 100 ms later', async () => {
    const clock = stopMonotonicClock();
    const { keys } = bench(
      sequence(
        () => new Promise(() => {}),
        () => 'key',
      ),
      { timeoutMs: 20 },
    );
    await expect(keys.load()).rejects.toThrow('`secrets` returned nothing within 20 ms');
    await expect(keys.load()).rejects.toThrow('`secrets` returned nothing within 20 ms');
    clock.now += 100;
    expect(textsOf(await keys.load())).toEqual(['key']);
  });

  test('is called after a delay that doubles with every failure up to 30 s, and that a success resets', async () => {
    const wallClock = stopWallClock();
    const clock = stopMonotonicClock();
    let isSealed = true;
    const { keys, requests } = bench(() => (isSealed ? sealed() : 'key'), { maxAgeMs: 1_000 });

    async function expectDelay(ms: number): Promise<void> {
      const { length } = requests;
      await expect(keys.load()).rejects.toThrow('sealed');
      clock.now += ms - 1;
      await expect(keys.load()).rejects.toThrow('sealed');
      expect(requests).toHaveLength(length + 1);
      clock.now += 1;
    }

    for (const ms of [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) await expectDelay(ms);
    isSealed = false;
    expect(textsOf(await keys.load())).toEqual(['key']);
    wallClock.now += 1_000;
    isSealed = true;
    await expectDelay(100);
  });

  test('because it answers too late has that answer ignored', async () => {
    const clock = stopMonotonicClock();
    const { load, give } = pending();
    const { keys, requests } = bench(
      sequence(load, () => 'fresh'),
      { timeoutMs: 20 },
    );
    await expect(keys.load()).rejects.toThrow('returned nothing');
    give('late');
    clock.now += 100;
    expect(textsOf(await ringOf(keys))).toEqual(['fresh']);
    expect(requests).toHaveLength(2);
  });
});

describe('while keys are loaded', () => {
  test('1,000 requests may wait, and another one is refused at once', async () => {
    const { load, give } = pending();
    const { keys, requests } = bench(load);
    const waiting = Array.from({ length: 1_000 }, () => keys.load(100));
    await expect(keys.load(100)).rejects.toThrow('1000 requests already wait');
    give('key');
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
    expect(requests).toHaveLength(1);
  });

  test('bodies of 32 MiB may wait, and a request beyond them is refused at once', async () => {
    const { load, give } = pending();
    const { keys } = bench(load);
    const waiting = [keys.load(16 * 2 ** 20), keys.load(16 * 2 ** 20)];
    await expect(keys.load(1)).rejects.toThrow('33554432 bytes already wait');
    give('key');
    await Promise.all(waiting);
  });

  test('a single request may wait whatever its size', async () => {
    const { load, give } = pending();
    const { keys } = bench(load);
    const waiting = keys.load(33 * 2 ** 20);
    give('key');
    expect(textsOf(await waiting)).toEqual(['key']);
  });

  test('requests whose load failed make room for others', async () => {
    const clock = stopMonotonicClock();
    const { keys } = bench(sequence(rejected, () => 'key'));
    await Promise.allSettled(Array.from({ length: 1_000 }, () => keys.load(100)));
    clock.now += 100;
    expect(textsOf(await keys.load(100))).toEqual(['key']);
  });
});

describe('refresh()', () => {
  test('calls the source at most once in 30 s, and its keys are current from then on', async () => {
    const clock = stopMonotonicClock();
    const { keys, requests } = bench(sequence(old, both));
    await keys.load();
    clock.now += REFRESH_COOLDOWN_MS - 1;
    expect(keys.refresh()).toBeUndefined();
    clock.now += 1;
    expect(textsOf(await keys.refresh())).toEqual(['old', 'new']);
    expect(textsOf(keys.current)).toEqual(['old', 'new']);
    clock.now += REFRESH_COOLDOWN_MS - 1;
    expect(keys.refresh()).toBeUndefined();
    expect(requests).toEqual([{ refresh: false }, { refresh: true }]);
    expect(REFRESH_COOLDOWN_MS).toBe(30_000);
  });

  test('renews the age of the keys', async () => {
    const [clock, wallClock] = [stopMonotonicClock(), stopWallClock()];
    const { keys } = bench(sequence(old, both), { maxAgeMs: 60_000 });
    await keys.load();
    clock.now += 30_000;
    wallClock.now += 30_000;
    await keys.refresh();
    wallClock.now += 59_999;
    expect(textsOf(keys.current)).toEqual(['old', 'new']);
  });

  test('shares a call that runs, so that a burst of deliveries under a new key is not refused', async () => {
    const clock = stopMonotonicClock();
    const { load, give } = pending();
    const { keys, requests } = bench(sequence(old, load));
    await keys.load();
    clock.now += REFRESH_COOLDOWN_MS;
    const waiting = [keys.refresh(), keys.refresh(), keys.refresh()];
    give(['old', 'new']);
    expect((await Promise.all(waiting)).map(textsOf)).toEqual(Array(3).fill(['old', 'new']));
    expect(requests).toHaveLength(2);
  });

  test('that fails leaves the known keys in use, and is delayed as a failed load is', async () => {
    const clock = stopMonotonicClock();
    const { keys, requests } = bench(sequence(old, sealed, sealed, sealed, both));
    const ring = await keys.load();
    clock.now += REFRESH_COOLDOWN_MS;
    for (const ms of [100, 200, 400]) {
      await expect(keys.refresh()).rejects.toThrow('sealed');
      clock.now += ms - 1;
      await expect(keys.refresh()).rejects.toThrow(SourceNotCalled);
      expect(keys.current).toBe(ring);
      clock.now += 1;
    }
    expect(textsOf(await keys.refresh())).toEqual(['old', 'new']);
    expect(requests).toHaveLength(5);
  });

  test.each<[string, SecretsSource, string]>([
    ['never answers', () => new Promise(() => {}), 'within 5 ms'],
    ['returns an empty key', async () => '', 'is empty'],
  ])('rejects when the source %s, and the known keys stay in use', async (_how, load, message) => {
    const clock = stopMonotonicClock();
    const { keys } = bench(sequence(old, load), { timeoutMs: 5 });
    const ring = await keys.load();
    clock.now += REFRESH_COOLDOWN_MS;
    await expect(keys.refresh()).rejects.toThrow(message);
    expect(keys.current).toBe(ring);
  });
});

describe('a source with isCached', () => {
  test('is called for every delivery, and its keys are never current', async () => {
    const { keys, requests } = bench(sequence(old, both), { isCached: true });
    expect(textsOf(await keys.load())).toEqual(['old']);
    expect(keys.current).toBeUndefined();
    expect(textsOf(await keys.load())).toEqual(['old', 'new']);
    expect(requests).toEqual([{ refresh: false }, { refresh: false }]);
  });

  test('gives the same ring as long as it returns the same object', async () => {
    const input = ['old'];
    const warn = jest.fn();
    const { keys } = bench(
      sequence(
        () => input,
        async () => input,
        () => ['old '],
      ),
      { isCached: true, warn },
    );
    const ring = await keys.load();
    expect(await keys.refresh()).toBe(ring);
    expect(warn).not.toHaveBeenCalled();
    expect(await keys.load()).not.toBe(ring);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('is called for every refresh()', async () => {
    const { keys, requests } = bench(sequence(old, old, both), { isCached: true });
    await keys.load();
    await keys.refresh();
    expect(textsOf(await keys.refresh())).toEqual(['old', 'new']);
    expect(requests).toEqual([{ refresh: false }, { refresh: true }, { refresh: true }]);
  });

  test('is called once more for all refreshes that come during a call, because the key may be newer than that', async () => {
    const { load, give } = pending();
    const { keys, requests } = bench(sequence(old, load, both), { isCached: true });
    await keys.load();
    const first = keys.refresh();
    const others = [keys.refresh(), keys.refresh()];
    give('old');
    expect(textsOf(await first)).toEqual(['old']);
    expect((await Promise.all(others)).map(textsOf)).toEqual(Array(2).fill(['old', 'new']));
    expect(requests).toHaveLength(3);
  });

  test('is not called again during its delay when a call with refreshes behind it fails', async () => {
    const { keys, requests } = bench(sequence(old, rejected), { isCached: true });
    await keys.load();
    const settled = await Promise.allSettled([keys.refresh(), keys.refresh(), keys.refresh()]);
    expect(settled.map((each) => each.status === 'rejected' && each.reason instanceof SourceNotCalled)).toEqual([
      false,
      true,
      true,
    ]);
    expect(requests).toHaveLength(2);
  });

  test('keeps at most 1,000 refreshes waiting', async () => {
    const { load, give } = pending();
    const { keys, requests } = bench(sequence(old, load, old), { isCached: true });
    await keys.load();
    const waiting = Array.from({ length: 1_000 }, () => keys.refresh(100));
    await expect(keys.refresh(100)).rejects.toThrow('1000 requests already wait');
    give('old');
    await Promise.all(waiting);
    expect(requests).toHaveLength(3);
  });
});
