import { createKeyRing, type KeyRing } from '../../src/signature/key-ring.js';
import { fixedKeys, loadedKeys, type SecretsSource } from '../../src/signature/key-source.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** A source with generous limits, and the number of times it loaded. */
function counted(load: SecretsSource, limits: { maxAgeMs?: number; timeoutMs?: number } = {}) {
  const counts = { loads: 0 };
  const counting: SecretsSource = () => {
    counts.loads++;
    return load();
  };
  const source = loadedKeys(counting, { maxAgeMs: 60_000, timeoutMs: 10_000, warn: () => {}, ...limits });
  return { source, counts };
}

function keysOf(ring: KeyRing): string[] {
  return ring.map(({ key }) => key.export().toString('utf8'));
}

/** A monotonic clock that moves only when a test sets it. */
function stoppedTimer() {
  const clock = { now: performance.now() };
  jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  return clock;
}

/** A clock that moves when it is told to. */
function stoppedClock() {
  const clock = { now: Date.now() };
  jest.spyOn(Date, 'now').mockImplementation(() => clock.now);
  return clock;
}

test('fixed keys are always the same', async () => {
  const ring = createKeyRing('key', 'secret', () => {});
  const source = fixedKeys(ring);
  expect(await source()).toBe(ring);
  expect(await source()).toBe(ring);
});

test.each<[string, SecretsSource]>([
  ['at once', () => ['old', 'new']],
  ['by a promise', async () => ['old', 'new']],
])('keys that are given %s are loaded', async (_, load) => {
  expect(keysOf(await counted(load).source())).toEqual(['old', 'new']);
});

test('nothing is loaded before it is asked for', () => {
  expect(counted(() => 'key').counts.loads).toBe(0);
});

test('all who wait share one load', async () => {
  let give: (secret: string) => void = () => {};
  const { source, counts } = counted(() => new Promise<string>((resolve) => (give = resolve)));
  const waiting = [source(), source(), source()];
  give('key');
  const rings = await Promise.all(waiting);
  expect(counts.loads).toBe(1);
  expect(new Set(rings).size).toBe(1);
});

test('all who wait share one failure', async () => {
  const { source, counts } = counted(() => Promise.reject(new Error('the vault is sealed')));
  const settled = await Promise.allSettled([source(), source()]);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(counts.loads).toBe(1);
});

test('loaded keys are used until their age is reached, and loaded anew then', async () => {
  const clock = stoppedClock();
  const { source, counts } = counted(() => 'key', { maxAgeMs: 1000 });
  const first = await source();
  clock.now += 999;
  expect(await source()).toBe(first);
  expect(counts.loads).toBe(1);
  clock.now += 1;
  expect(await source()).not.toBe(first);
  expect(counts.loads).toBe(2);
});

test('the age counts from the end of the load', async () => {
  const clock = stoppedClock();
  const { source, counts } = counted(
    async () => {
      clock.now += 5000;
      return 'key';
    },
    { maxAgeMs: 1000 },
  );
  await source();
  await source();
  expect(counts.loads).toBe(1);
});

test('a failed refresh does not bring the old keys back', async () => {
  const clock = stoppedClock();
  const answers: SecretsSource[] = [
    () => 'key',
    () => {
      throw new Error('the vault is sealed');
    },
  ];
  const { source } = counted(() => (answers.shift() ?? (() => 'unexpected'))(), { maxAgeMs: 1000 });
  await source();
  clock.now += 1000;
  await expect(source()).rejects.toThrow('the vault is sealed');
});

test.each<[string, SecretsSource, string]>([
  [
    'throws',
    () => {
      throw new Error('the vault is sealed');
    },
    'the vault is sealed',
  ],
  ['rejects', () => Promise.reject(new Error('the vault is sealed')), 'the vault is sealed'],
  ['gives nothing', (() => undefined) as unknown as SecretsSource, '`secrets()` is undefined.'],
  ['gives an empty key', async () => '', '`secrets()` is empty.'],
  ['gives an empty list', () => [], '`secrets()` is an empty list.'],
  ['gives an empty map', () => ({}), '`secrets()` is an empty map.'],
  ['gives an empty key in a map', () => ({ 'User.LoggedIn': '' }), '`secrets()["User.LoggedIn"]` is empty.'],
])('a source that %s gives no keys, and is asked again 100 ms later', async (_, load, message) => {
  const timer = stoppedTimer();
  const answers: SecretsSource[] = [load];
  const { source, counts } = counted(() => (answers.shift() ?? (() => 'key'))());
  await expect(source()).rejects.toThrow(message);
  timer.now += 99;
  expect(() => source()).toThrow(message);
  expect(counts.loads).toBe(1);
  timer.now += 1;
  expect(keysOf(await source())).toEqual(['key']);
  expect(counts.loads).toBe(2);
});

test('a source that never settles is given up, and is asked again 100 ms later', async () => {
  const timer = stoppedTimer();
  const answers: SecretsSource[] = [() => new Promise(() => {})];
  const { source } = counted(() => (answers.shift() ?? (() => 'key'))(), { timeoutMs: 20 });
  await expect(source()).rejects.toThrow('`secrets` gave nothing within 20 ms');
  expect(() => source()).toThrow('`secrets` gave nothing within 20 ms');
  timer.now += 100;
  expect(keysOf(await source())).toEqual(['key']);
});

test('the delay doubles with every failure up to 30 s, and a success resets it', async () => {
  const clock = stoppedClock();
  const timer = stoppedTimer();
  let isSealed = true;
  const load: SecretsSource = () => (isSealed ? Promise.reject(new Error('the vault is sealed')) : 'key');
  const { source, counts } = counted(load, { maxAgeMs: 1_000 });

  async function expectDelay(ms: number): Promise<void> {
    const { loads } = counts;
    await expect(source()).rejects.toThrow('sealed');
    timer.now += ms - 1;
    expect(() => source()).toThrow('sealed');
    expect(counts.loads).toBe(loads + 1);
    timer.now += 1;
  }

  for (const ms of [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) await expectDelay(ms);
  isSealed = false;
  expect(keysOf(await source())).toEqual(['key']);
  clock.now += 1_000;
  isSealed = true;
  await expectDelay(100);
});

describe('while the keys are awaited', () => {
  function hanging() {
    let give: (secret: string) => void = () => {};
    const { source, counts } = counted(() => new Promise<string>((resolve) => (give = resolve)));
    return { source, counts, give: () => give('key') };
  }

  test('1,000 requests may wait, and a further one is refused at once', async () => {
    const { source, counts, give } = hanging();
    const waiting = Array.from({ length: 1_000 }, () => source(100));
    expect(() => source(100)).toThrow('1000 requests');
    give();
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
    expect(keysOf(await source(100))).toEqual(['key']);
    expect(counts.loads).toBe(1);
  });

  test('32 MiB may wait, and a request beyond them is refused at once', async () => {
    const { source, give } = hanging();
    const waiting = [source(16 * 2 ** 20), source(16 * 2 ** 20)];
    expect(() => source(1)).toThrow('33554432 bytes');
    give();
    await Promise.all(waiting);
    await source(1);
  });

  test('a single request may wait whatever its size', async () => {
    const { source, give } = hanging();
    const waiting = source(33 * 2 ** 20);
    give();
    expect(keysOf(await waiting)).toEqual(['key']);
  });

  test('those that got none make room for others', async () => {
    const timer = stoppedTimer();
    const answers: SecretsSource[] = [() => Promise.reject(new Error('the vault is sealed'))];
    const { source } = counted(() => (answers.shift() ?? (() => 'key'))());
    await Promise.allSettled(Array.from({ length: 1_000 }, () => source(100)));
    timer.now += 100;
    expect(keysOf(await source(100))).toEqual(['key']);
  });
});

test('what a source gives after its time is not used', async () => {
  const timer = stoppedTimer();
  let give: (secret: string) => void = () => {};
  const late = new Promise<string>((resolve) => (give = resolve));
  const answers: SecretsSource[] = [() => late];
  const { source, counts } = counted(() => (answers.shift() ?? (() => 'fresh'))(), { timeoutMs: 20 });
  await expect(source()).rejects.toThrow('gave nothing');
  give('late');
  await late;
  timer.now += 100;
  expect(keysOf(await source())).toEqual(['fresh']);
  expect(counts.loads).toBe(2);
});

test('a doubtful key is reported when it is loaded, not when it is used', async () => {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const source = loadedKeys(() => 'key ', { maxAgeMs: 60_000, timeoutMs: 10_000, warn });
  await source();
  await source();
  expect(warnings).toEqual([expect.stringContaining('`secrets()` has white space around it.')]);
});

describe('a source that can look for newer keys', () => {
  const renewable = (renew: NonNullable<SecretsSource['renew']>, timeoutMs = 10_000) =>
    loadedKeys(
      Object.assign(() => 'old', { renew }),
      { maxAgeMs: 60_000, timeoutMs, warn: () => {} },
    );

  test('gives them from then on', async () => {
    const source = renewable(async () => ['old', 'new']);
    expect(keysOf(await source())).toEqual(['old']);
    expect(keysOf((await source.renew?.()) as KeyRing)).toEqual(['old', 'new']);
    expect(keysOf(await source())).toEqual(['old', 'new']);
  });

  test('may have none, and says so at once', async () => {
    const source = renewable(() => undefined);
    expect(source.renew?.()).toBeUndefined();
    expect(keysOf(await source())).toEqual(['old']);
  });

  test('is given up after its time, and what is unusable is not used', async () => {
    await expect(renewable(() => new Promise(() => {}), 5).renew?.()).rejects.toThrow('within 5 ms');
    const source = renewable(async () => '');
    await expect(source.renew?.()).rejects.toThrow('is empty');
    expect(keysOf(await source())).toEqual(['old']);
  });

  test('that fails is asked again after a growing delay only, and the known keys stay in use', async () => {
    const timer = stoppedTimer();
    const renew = jest.fn(() => Promise.reject(new Error('the vault is sealed')));
    const source = renewable(renew);
    const ring = await source();
    for (const ms of [100, 200, 400]) {
      await expect(source.renew?.(ring)).rejects.toThrow('sealed');
      timer.now += ms - 1;
      expect(() => source.renew?.(ring)).toThrow('sealed');
      timer.now += 1;
    }
    expect(renew).toHaveBeenCalledTimes(3);
    expect(await source()).toBe(ring);
  });

  test('that hangs is asked once while it does, and those who wait are bounded', async () => {
    const renew = jest.fn(() => new Promise<never>(() => {}));
    const source = renewable(renew, 50);
    const ring = await source();
    const waiting = Array.from({ length: 1_000 }, () => Promise.resolve(source.renew?.(ring, 100)));
    expect(() => source.renew?.(ring, 100)).toThrow('1000 requests');
    const settled = await Promise.allSettled(waiting);
    expect(new Set(settled.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(renew).toHaveBeenCalledTimes(1);
  });

  test('gives what a running look finds to all who came meanwhile', async () => {
    const renew = jest.fn(async () => ['old', 'new']);
    const source = renewable(renew);
    const ring = await source();
    const rings = await Promise.all([source.renew?.(ring), source.renew?.(ring), source.renew?.(ring)]);
    expect(rings.map((each) => keysOf(each as KeyRing))).toEqual(Array(3).fill(['old', 'new']));
    expect(renew).toHaveBeenCalledTimes(1);
  });

  test('is asked once more for all who came during a look that found nothing', async () => {
    const answers = [undefined, ['old', 'new']];
    const renew = jest.fn(async () => answers.shift());
    const source = renewable(renew);
    const ring = await source();
    const [first, ...others] = await Promise.all([source.renew?.(ring), source.renew?.(ring), source.renew?.(ring)]);
    expect(first).toBeUndefined();
    expect(others.map((each) => keysOf(each as KeyRing))).toEqual(Array(2).fill(['old', 'new']));
    expect(renew).toHaveBeenCalledTimes(2);
  });

  test('is asked only if it can', () => {
    expect(loadedKeys(() => 'key', { maxAgeMs: 1, timeoutMs: 1, warn: () => {} })).not.toHaveProperty('renew');
  });
});
