import { SourceNotCalled } from '../../src/signature/backoff.js';
import { both, loadedKeys, old, pending, rejected, sequence, textsOf } from '../helpers/loaded-keys.js';

describe('a source with isCached', () => {
  test('is called for every delivery, and its keys are never current', async () => {
    const { keys, requests } = loadedKeys(sequence(old, both), { isCached: true });
    expect(textsOf(await keys.load())).toEqual(['old']);
    expect(keys.current).toBeUndefined();
    expect(textsOf(await keys.load())).toEqual(['old', 'new']);
    expect(requests).toEqual([{ refresh: false }, { refresh: false }]);
  });

  test('gives the same ring as long as it returns the same object', async () => {
    const input = ['old'];
    const warn = jest.fn();
    const { keys } = loadedKeys(
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

  test('makes no request wait while it returns its keys at once, so a flood does not exclude others', async () => {
    const input = ['old'];
    const { keys } = loadedKeys(() => input, { isCached: true });
    const rings = await Promise.all(Array.from({ length: 3_000 }, () => keys.load(20_000)));
    expect(new Set(rings).size).toBe(1);
  });

  test('is called for every refresh()', async () => {
    const { keys, requests } = loadedKeys(sequence(old, old, both), { isCached: true });
    await keys.load();
    await keys.refresh();
    expect(textsOf(await keys.refresh())).toEqual(['old', 'new']);
    expect(requests).toEqual([{ refresh: false }, { refresh: true }, { refresh: true }]);
  });

  test('is called once more for all refreshes that come during a call, because the key may be newer than that', async () => {
    const { load, give } = pending();
    const { keys, requests } = loadedKeys(sequence(old, load, both), { isCached: true });
    await keys.load();
    const first = keys.refresh();
    const others = [keys.refresh(), keys.refresh()];
    give('old');
    expect(textsOf(await first)).toEqual(['old']);
    expect((await Promise.all(others)).map(textsOf)).toEqual(Array(2).fill(['old', 'new']));
    expect(requests).toHaveLength(3);
  });

  test('is not called again during its delay when a call with refreshes behind it fails', async () => {
    const { keys, requests } = loadedKeys(sequence(old, rejected), { isCached: true });
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
    const { keys, requests } = loadedKeys(sequence(old, load, old), { isCached: true });
    await keys.load();
    const waiting = Array.from({ length: 1_000 }, () => keys.refresh(100));
    await expect(keys.refresh(100)).rejects.toThrow('1000 requests already wait');
    give('old');
    await Promise.all(waiting);
    expect(requests).toHaveLength(3);
  });
});
