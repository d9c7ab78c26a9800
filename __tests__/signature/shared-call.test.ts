import { loadedKeys, pending, rejected, sequence, stopMonotonicClock, textsOf } from '../helpers/loaded-keys.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('while keys are loaded', () => {
  test('1,000 requests may wait, and another one is refused at once', async () => {
    const { load, give } = pending();
    const { keys, requests } = loadedKeys(load);
    const waiting = Array.from({ length: 1_000 }, () => keys.load(100));
    await expect(keys.load(100)).rejects.toThrow('1000 requests already wait');
    give('key');
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
    expect(requests).toHaveLength(1);
  });

  test('bodies of 32 MiB may wait, and a request beyond them is refused at once', async () => {
    const { load, give } = pending();
    const { keys } = loadedKeys(load);
    const waiting = [keys.load(16 * 2 ** 20), keys.load(16 * 2 ** 20)];
    await expect(keys.load(1)).rejects.toThrow('33554432 bytes already wait');
    give('key');
    await Promise.all(waiting);
  });

  test('a single request may wait whatever its size', async () => {
    const { load, give } = pending();
    const { keys } = loadedKeys(load);
    const waiting = keys.load(33 * 2 ** 20);
    give('key');
    expect(textsOf(await waiting)).toEqual(['key']);
  });

  test('requests whose load failed make room for others', async () => {
    const clock = stopMonotonicClock();
    const { keys } = loadedKeys(sequence(rejected, () => 'key'));
    await Promise.allSettled(Array.from({ length: 1_000 }, () => keys.load(100)));
    clock.now += 100;
    expect(textsOf(await keys.load(100))).toEqual(['key']);
  });
});
