import { isPromise } from '../../src/shared/promises.js';
import { createKeyRing } from '../../src/signature/key-ring.js';
import { fixedKeys, type KeySource, LoadedKeys, type SecretsSource } from '../../src/signature/key-source.js';
import { Verifier } from '../../src/signature/verifier.js';
import { sign } from '../../src/testing/index.js';

afterEach(() => {
  jest.restoreAllMocks();
});

const BODY = Buffer.from('{"event":"User.LoggedIn"}');
const HEADERS = ['x-signature', 'x-other'];
const COOLDOWN_MS = 30_000;

/** Verifies the body under the signature of a key, sent in the first header. */
function verify(keys: KeySource, secret: string) {
  return new Verifier(keys, HEADERS).verify(BODY, { 'x-signature': sign(BODY, secret) });
}

function fixed(...secrets: readonly string[]): KeySource {
  return fixedKeys(createKeyRing(secrets, 'secret', () => {}));
}

/** The keys of a function, which returns these in turn, and a monotonic clock that only the test moves. */
function loaded(answers: readonly SecretsSource[], isCached = false) {
  const clock = { now: Math.round(performance.now()) };
  jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  const rest = [...answers];
  const source = jest.fn<ReturnType<SecretsSource>, Parameters<SecretsSource>>((request) => {
    const answer = rest.shift();
    if (answer === undefined) throw new Error('The source was called once too often.');
    return answer(request);
  });
  const options = { maxAgeMs: 60_000, timeoutMs: 10_000, warn: () => {} };
  return { keys: new LoadedKeys(Object.assign(source, { isCached }), options), source, clock };
}

const sealed = (): never => {
  throw new Error('the vault is sealed');
};
const old = (): string[] => ['old'];
const both = (): string[] => ['old', 'new'];

describe('with keys at hand', () => {
  test('a signature that matches is verified at once, with the matching keys and those that were tried', () => {
    const keys = fixed('old', 'new', 'new');
    const ring = keys.current ?? [];
    expect(verify(keys, 'new')).toEqual({ keys: [ring[1], ring[2]], tried: ring });
  });

  test('a signature that does not match is a mismatch at once', () => {
    expect(verify(fixed('old'), 'new')).toEqual({ reason: 'mismatch' });
  });

  test('the first of the configured headers that is present counts', () => {
    const verifier = new Verifier(fixed('key'), HEADERS);
    const [right, wrong] = [sign(BODY, 'key'), sign(BODY, 'wrong')];
    const results = [{ 'x-other': right }, { 'x-signature': right, 'x-other': wrong }].map((headers) =>
      verifier.verify(BODY, headers),
    );
    expect(results).toEqual([expect.objectContaining({ keys: expect.anything() }), results[0]]);
    expect(verifier.verify(BODY, { 'x-signature': wrong, 'x-other': right })).toEqual({
      reason: 'mismatch',
    });
  });
});

test.each([
  ['missing', {}],
  ['missing', { 'x-signature': ' ' }],
  ['missing', { 'x-unknown': sign(BODY, 'key') }],
  ['malformed', { 'x-signature': 'not base64' }],
  ['malformed', { 'x-signature': [sign(BODY, 'key'), sign(BODY, 'key')] }],
])('a signature that is %s is refused at once, and no keys are loaded: %j', (reason, headers) => {
  const { keys, source } = loaded([() => 'key']);
  expect(new Verifier(keys, HEADERS).verify(BODY, headers)).toEqual({ reason });
  expect(source).not.toHaveBeenCalled();
});

describe('with keys to load', () => {
  test('the first signature waits for the keys, and the next one does not', async () => {
    const { keys, source } = loaded([both]);
    const first = verify(keys, 'new');
    expect(isPromise(first)).toBe(true);
    const verified = await first;
    expect(verified).toEqual({ keys: [keys.current?.[1]], tried: keys.current });
    expect(verify(keys, 'new')).toEqual(verified);
    expect(source).toHaveBeenCalledTimes(1);
  });

  test('a failed load makes the keys unavailable, with its error as the cause', async () => {
    const { keys } = loaded([sealed]);
    expect(await verify(keys, 'key')).toEqual({ reason: 'keys_unavailable', cause: new Error('the vault is sealed') });
  });

  test('the keys are unavailable for a request beyond the limit of waiting requests', async () => {
    let give = (_secret: string): void => {};
    const { keys } = loaded([
      () =>
        new Promise((resolve) => {
          give = resolve;
        }),
    ]);
    const waiting = Array.from({ length: 1_000 }, () => verify(keys, 'key'));
    expect(await verify(keys, 'key')).toMatchObject({ reason: 'keys_unavailable', cause: { name: 'TooManyWaiting' } });
    give('key');
    for (const verified of await Promise.all(waiting)) expect(verified).toHaveProperty('keys');
  });

  test('a mismatch right after a load does not call the source again', async () => {
    const { keys, source } = loaded([old]);
    expect(await verify(keys, 'forged')).toEqual({ reason: 'mismatch' });
    expect(verify(keys, 'forged')).toEqual({ reason: 'mismatch' });
    expect(source).toHaveBeenCalledTimes(1);
  });
});

describe('a signature that matches none of the loaded keys', () => {
  test('is verified when the source returns its key, as soon as the cooldown is over', async () => {
    const { keys, source, clock } = loaded([old, both]);
    await verify(keys, 'old');
    clock.now += COOLDOWN_MS - 1;
    expect(verify(keys, 'new')).toEqual({ reason: 'mismatch' });
    clock.now += 1;
    expect(await verify(keys, 'new')).toEqual({ keys: [keys.current?.[1]], tried: keys.current });
    expect(source.mock.calls).toEqual([[{ refresh: false }], [{ refresh: true }]]);
  });

  test('is a mismatch when the source does not return its key', async () => {
    const { keys, clock } = loaded([old, both]);
    await verify(keys, 'old');
    clock.now += COOLDOWN_MS;
    expect(await verify(keys, 'forged')).toEqual({ reason: 'mismatch' });
  });

  test('is a mismatch while the source fails, and its key may be unknown while the source is not called', async () => {
    const { keys, source, clock } = loaded([old, sealed]);
    await verify(keys, 'old');
    clock.now += COOLDOWN_MS;
    const cause = new Error('the vault is sealed');
    expect(await verify(keys, 'forged')).toEqual({ reason: 'mismatch', cause });
    expect(await verify(keys, 'forged')).toMatchObject({ reason: 'keys_unavailable', cause: { cause } });
    expect(verify(keys, 'old')).toHaveProperty('keys');
    expect(source).toHaveBeenCalledTimes(2);
  });

  test('has a cached source called again for every such signature', async () => {
    const same = old();
    const { keys, source } = loaded([() => same, () => same, () => same, both], true);
    expect(await verify(keys, 'forged')).toEqual({ reason: 'mismatch' });
    expect(await verify(keys, 'new')).toMatchObject({ keys: [{ events: null }] });
    expect(source.mock.calls.map(([{ refresh }]) => refresh)).toEqual([false, true, false, true]);
  });
});
