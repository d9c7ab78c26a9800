import { SourceNotCalled } from '../../src/signature/backoff.js';
import { createKeyRing } from '../../src/signature/key-ring.js';
import { fixedKeys, REFRESH_COOLDOWN_MS, type SecretsSource } from '../../src/signature/key-source.js';
import {
  both,
  loadedKeys,
  old,
  pending,
  rejected,
  ringOf,
  sealed,
  sequence,
  stopMonotonicClock,
  textsOf,
} from '../helpers/loaded-keys.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** A wall clock that moves only when a test moves it. */
function stopWallClock() {
  const clock = { now: Date.now() };
  jest.spyOn(Date, 'now').mockImplementation(() => clock.now);
  return clock;
}

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
    const { keys, requests } = loadedKeys(load);
    expect(textsOf(await keys.load())).toEqual(['old', 'new']);
    expect(textsOf(keys.current)).toEqual(['old', 'new']);
    expect(requests).toEqual([{ refresh: false }]);
  });

  test('is what first calls the source', () => {
    const { keys, requests } = loadedKeys(old);
    expect(keys.current).toBeUndefined();
    expect(requests).toEqual([]);
  });

  test('shares one call among all requests that wait', async () => {
    const { load, give } = pending();
    const { keys, requests } = loadedKeys(load);
    const waiting = [keys.load(), keys.load(), keys.load()];
    give('key');
    const rings = await Promise.all(waiting);
    expect(requests).toHaveLength(1);
    expect(new Set(rings).size).toBe(1);
  });

  test('shares one failure among all requests that wait', async () => {
    const { keys, requests } = loadedKeys(rejected);
    const settled = await Promise.allSettled([keys.load(), keys.load()]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(requests).toHaveLength(1);
  });

  test('reports a doubtful key when the key is loaded, and not when it is used', async () => {
    const warnings: string[] = [];
    const { keys } = loadedKeys(() => 'key ', { warn: (message) => warnings.push(message) });
    await ringOf(keys);
    await ringOf(keys);
    expect(warnings).toEqual([expect.stringContaining('`secrets()` has white space around it.')]);
  });
});

describe('the age of loaded keys', () => {
  test('ends also when the source returns the same object, whose keys may have changed', async () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(1_000);
    const input = ['old'];
    const { keys } = loadedKeys(() => input, { maxAgeMs: 50 });
    expect(textsOf(await keys.load())).toEqual(['old']);
    input[0] = 'new';
    clock.mockReturnValue(1_050);
    expect(keys.current).toBeUndefined();
    expect(textsOf(await keys.load())).toEqual(['new']);
  });

  test('ends their use when it reaches the limit, and they are loaded again', async () => {
    const clock = stopWallClock();
    const { keys, requests } = loadedKeys(old, { maxAgeMs: 1000 });
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
    const { keys, requests } = loadedKeys(
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
    const { keys } = loadedKeys(sequence(old, sealed), { maxAgeMs: 1000 });
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
    const { keys, requests } = loadedKeys(sequence(load, () => 'key'));
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
    const { keys } = loadedKeys(
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
    const { keys, requests } = loadedKeys(() => (isSealed ? sealed() : 'key'), { maxAgeMs: 1_000 });

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
    const { keys, requests } = loadedKeys(
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

describe('refresh()', () => {
  test('calls the source at most once in 30 s, and its keys are current from then on', async () => {
    const clock = stopMonotonicClock();
    const { keys, requests } = loadedKeys(sequence(old, both));
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
    const { keys } = loadedKeys(sequence(old, both), { maxAgeMs: 60_000 });
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
    const { keys, requests } = loadedKeys(sequence(old, load));
    await keys.load();
    clock.now += REFRESH_COOLDOWN_MS;
    const waiting = [keys.refresh(), keys.refresh(), keys.refresh()];
    give(['old', 'new']);
    expect((await Promise.all(waiting)).map(textsOf)).toEqual(Array(3).fill(['old', 'new']));
    expect(requests).toHaveLength(2);
  });

  test('that fails leaves the known keys in use, and is delayed as a failed load is', async () => {
    const clock = stopMonotonicClock();
    const { keys, requests } = loadedKeys(sequence(old, sealed, sealed, sealed, both));
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
    const { keys } = loadedKeys(sequence(old, load), { timeoutMs: 5 });
    const ring = await keys.load();
    clock.now += REFRESH_COOLDOWN_MS;
    await expect(keys.refresh()).rejects.toThrow(message);
    expect(keys.current).toBe(ring);
  });
});
