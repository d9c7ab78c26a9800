import { combined, pause, unlessAborted } from '../../src/shared/abort-signals.js';

test('a combined signal aborts with the first, for its reason', () => {
  const [one, two] = [new AbortController(), new AbortController()];
  const { signal } = combined(one.signal, undefined, two.signal);
  expect(signal.aborted).toBe(false);
  two.abort('two');
  one.abort('one');
  expect([signal.aborted, signal.reason]).toEqual([true, 'two']);
});

test('it is aborted from the start when one is', () => {
  expect(combined(new AbortController().signal, AbortSignal.abort('before')).signal.reason).toBe('before');
});

test('once it is released it hangs on none of them', () => {
  const one = new AbortController();
  const { signal, release } = combined(one.signal);
  release();
  one.abort();
  expect(signal.aborted).toBe(false);
});

test('what is promised is given, or the reason of the signal as soon as it aborts', async () => {
  const stop = new AbortController();
  expect(await unlessAborted(Promise.resolve(1), stop.signal)).toBe(1);
  expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2);
  await expect(unlessAborted(Promise.reject(new Error('no')), stop.signal)).rejects.toThrow('no');
  const waiting = unlessAborted(new Promise(() => {}), stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(unlessAborted(new Promise(() => {}), stop.signal)).rejects.toThrow('enough');
});

test('a pause ends with the reason of its signal', async () => {
  const stop = new AbortController();
  const waiting = pause(60_000, stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await pause(1, undefined);
});
