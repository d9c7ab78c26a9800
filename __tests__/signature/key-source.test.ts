import { fixedKeys, loadedKeys, type SecretsSource } from '../../src/signature/key-source.js';
import { createKeyRing, type KeyRing } from '../../src/signature/keys.js';

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
])('a source that %s gives no keys, and is asked again next time', async (_, load, message) => {
  const answers: SecretsSource[] = [load];
  const { source, counts } = counted(() => (answers.shift() ?? (() => 'key'))());
  await expect(source()).rejects.toThrow(message);
  expect(keysOf(await source())).toEqual(['key']);
  expect(counts.loads).toBe(2);
});

test('a source that never settles is given up, and is asked again next time', async () => {
  const answers: SecretsSource[] = [() => new Promise(() => {})];
  const { source } = counted(() => (answers.shift() ?? (() => 'key'))(), { timeoutMs: 20 });
  await expect(source()).rejects.toThrow('`secrets` gave nothing within 20 ms');
  expect(keysOf(await source())).toEqual(['key']);
});

test('what a source gives after its time is not used', async () => {
  let give: (secret: string) => void = () => {};
  const late = new Promise<string>((resolve) => (give = resolve));
  const answers: SecretsSource[] = [() => late];
  const { source, counts } = counted(() => (answers.shift() ?? (() => 'fresh'))(), { timeoutMs: 20 });
  await expect(source()).rejects.toThrow('gave nothing');
  give('late');
  await late;
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

  test('is asked only if it can', () => {
    expect(loadedKeys(() => 'key', { maxAgeMs: 1, timeoutMs: 1, warn: () => {} })).not.toHaveProperty('renew');
  });
});
