import { setTimeout as sleep } from 'node:timers/promises';
import type { CakemailApiError } from '../../../src/api/index.js';
import { client, reasonOf, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import { type FakeCakemail, type Fault, USER } from '../../helpers/fake-cakemail.js';

jest.mock('node:timers/promises', () => ({ setTimeout: jest.fn(async () => {}) }));

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
  // Makes time pass at once for every sleep.
  let slept = 0;
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + slept);
  jest.mocked(sleep).mockReset();
  jest.mocked(sleep).mockImplementation(async (ms = 0) => {
    slept += ms;
    return undefined as never;
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await stopFake();
});

const waits = (): unknown[] => jest.mocked(sleep).mock.calls.map(([ms]) => ms);
const times = (count: number, fault: Fault): Fault[] => Array.from({ length: count }, () => fault);
const create = (attempts: number) =>
  client({ attempts, backoffMs: 500 }).webhooks.create({ event: 'Email.Sent', url: URL_HERE });
const count = (operation: string): number => fake.calls.filter((call) => call === operation).length;

test('waits at most `backoffMs` before the second attempt, and twice as long each time', async () => {
  jest.spyOn(Math, 'random').mockReturnValue(1);
  fake.fail(/GET/, ...times(4, { status: 503 }));
  await reasonOf(client({ attempts: 4, backoffMs: 500 }).webhooks.show('wh-1'));
  expect(waits()).toEqual([500, 1_000, 2_000]);
});

describe('a create', () => {
  test('is repeated with the same pauses, as often as `attempts` says, and looked for each time', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    fake.fail(/POST/, ...times(9, 'drop'));
    const error = (await reasonOf(create(3))) as CakemailApiError;
    expect([error.code, error.operation]).toEqual(['ERR_API_UNAVAILABLE', 'POST /webhooks']);
    expect(waits()).toEqual([500, 1_000]);
    expect([count('POST /webhooks'), count('GET /webhooks')]).toEqual([3, 3]);
  });

  test('waits for as long as Retry-After says before it is looked for and repeated', async () => {
    fake.fail(/POST/, { status: 503, retryAfter: '7' });
    await create(5);
    expect(waits()).toEqual([7_000]);
    expect(fake.calls).toEqual(['POST /webhooks', 'GET /webhooks', 'POST /webhooks']);
  });

  test('is not looked for after 429, which means that nothing was done', async () => {
    fake.fail(/POST/, ...times(99, { status: 429, retryAfter: '1' }));
    expect(await reasonOf(create(5))).toMatchObject({ code: 'ERR_API_UNAVAILABLE', apiStatus: 429 });
    expect(fake.calls).toEqual(Array(5).fill('POST /webhooks'));
    expect(waits()).toEqual([1_000, 1_000, 1_000, 1_000]);
  });

  test('is not looked for earlier than Retry-After says, after the last attempt either', async () => {
    fake.fail(/POST/, { status: 503, retryAfter: '7' });
    expect(await reasonOf(create(1))).toMatchObject({ apiStatus: 503 });
    expect(waits()).toEqual([7_000]);
    expect(fake.calls).toEqual(['POST /webhooks', 'GET /webhooks']);
  });

  test('with a single attempt is still looked for', async () => {
    fake.fail(/POST/, 'dropAfter');
    expect(await create(1)).toMatchObject({ id: 'wh-1' });
    expect(waits()).toEqual([]);
  });

  test('with an unknown result is not repeated', async () => {
    fake.fail(/POST/, 'dropAfter');
    fake.fail(/GET/, ...times(5, 'drop'));
    expect(await reasonOf(create(5))).toMatchObject({ operation: 'POST /webhooks' });
    expect([fake.webhooks.size, count('POST /webhooks')]).toEqual([1, 1]);
  });
});

describe('Retry-After', () => {
  const show = (options: Parameters<typeof client>[0] = {}) => client(options).webhooks.show('wh-1');
  const busy = (retryAfter: string, date?: string): Fault => ({ status: 429, retryAfter, ...(date && { date }) });
  beforeEach(() => {
    fake.add('Email.Sent', URL_HERE);
    jest.spyOn(Math, 'random').mockReturnValue(1);
  });

  test.each<[string, Fault, number]>([
    ['seconds', busy('7'), 7_000],
    ['seconds with zeros before', busy('007'), 7_000],
    ['a date', busy('Tue, 24 Nov 2026 17:00:09 GMT', 'Tue, 24 Nov 2026 17:00:00 GMT'), 9_000],
    ['a date of the older kind', busy('Tuesday, 24-Nov-26 17:00:09 GMT', 'Tue, 24 Nov 2026 17:00:00 GMT'), 9_000],
    ['a date of the oldest kind', busy('Tue Nov 24 17:00:09 2026', 'Tue, 24 Nov 2026 17:00:00 GMT'), 9_000],
  ])('of %s is kept', async (_what, fault, ms) => {
    fake.fail(/GET/, fault);
    await show();
    expect(waits()).toEqual([ms]);
  });

  test('of a date that is over means now', async () => {
    fake.fail(/GET/, busy('Tue, 24 Nov 2020 17:00:09 GMT'));
    await show();
    expect(waits()).toEqual([0]);
  });

  test.each(['-5', '1.5', '1e3', '0x10', 'soon', '', '5 s', '5, 6', '2026-11-24', 'Nov 24'])(
    'of %j is ignored',
    async (retryAfter) => {
      fake.fail(/GET/, busy(retryAfter));
      await show({ backoffMs: 123 });
      expect(waits()).toEqual([123]);
    },
  );

  test.each(['99999999999999', '9'.repeat(400)])(
    'of %s seconds, more than a Date can hold, fails at once',
    async (wait) => {
      fake.fail(/GET/, busy(wait));
      expect(await reasonOf(show())).toMatchObject({ code: 'ERR_API_UNAVAILABLE', retryAt: expect.any(Date) });
      expect(waits()).toEqual([]);
    },
  );

  test.each([
    [{}, '31', 30_000],
    [{ maxWaitMs: 5_000 }, '6', 5_000],
  ])(
    '63. a call fails at once with the time when Retry-After exceeds `maxWaitMs`: %j',
    async (options, retryAfter, most) => {
      fake.fail(/GET/, busy(retryAfter, 'Tue, 24 Nov 2026 17:00:00 GMT'));
      const before = Date.now();
      const error = (await reasonOf(show(options))) as CakemailApiError;
      expect(error).toMatchObject({ code: 'ERR_API_UNAVAILABLE', apiStatus: 429, retryAt: expect.any(Date) });
      const excessMs = (error.retryAt?.getTime() ?? 0) - before - Number(retryAfter) * 1000;
      expect(excessMs >= 0 && excessMs < 60_000).toBe(true);
      expect(error.message).toBe(
        `GET /webhooks/wh-1: answered 429, and asks to wait until ${error.retryAt?.toISOString()}, which is longer than the ${most} ms of \`maxWaitMs\`; not now`,
      );
      expect([waits(), fake.calls]).toEqual([[], ['GET /webhooks/wh-1']]);
    },
  );

  test('that equals `maxWaitMs` is kept', async () => {
    fake.fail(/GET/, busy('5'));
    await show({ maxWaitMs: 5_000 });
    expect(waits()).toEqual([5_000]);
  });

  test('holds for every call of the client', async () => {
    fake.fail(/GET/, busy('31'));
    const { webhooks } = client();
    const { retryAt } = (await reasonOf(webhooks.show('wh-1'))) as CakemailApiError;
    const error = (await reasonOf(webhooks.archive('wh-1'))) as CakemailApiError;
    expect(error).toMatchObject({ code: 'ERR_API_UNAVAILABLE', apiStatus: undefined, retryAt });
    expect(error.message).toBe(
      `POST /webhooks/wh-1/archive: not sent: the API asked to wait until ${retryAt?.toISOString()}, which is longer than the 30000 ms of \`maxWaitMs\``,
    );
    expect(fake.calls).toHaveLength(1);
  });

  test('holds for calls that begin meanwhile, too', async () => {
    fake.fail(/GET/, busy('7'));
    const { webhooks } = client();
    let other: Promise<unknown> | undefined;
    const count = jest.mocked(sleep).getMockImplementation();
    jest.mocked(sleep).mockImplementationOnce(async (ms, ...rest) => {
      other = webhooks.archive('wh-1');
      await new Promise((resolve) => setImmediate(resolve));
      expect(fake.calls).toHaveLength(1);
      return count?.(ms, ...rest) as never;
    });
    await webhooks.show('wh-1');
    await other;
    expect(fake.calls).toHaveLength(3);
  });
});

test('no call is made earlier than Retry-After allows', async () => {
  jest.mocked(sleep).mockImplementation(jest.requireActual('node:timers/promises').setTimeout);
  fake.add('Email.Sent', URL_HERE);
  fake.fail(/GET/, { status: 429, retryAfter: '1' });
  const { webhooks } = client();
  await Promise.all([webhooks.show('wh-1'), webhooks.show('wh-1')]);
  const [first = 0, ...others] = [...fake.times].sort((a, b) => a - b);
  // The two first calls are on their way together; all others come a second later.
  expect(others.slice(1).length).toBeGreaterThan(0);
  for (const later of others.slice(1)) expect(later - first).toBeGreaterThanOrEqual(1_000);
});

describe('`onRetry`', () => {
  test('gets the call, the reason and the time before each wait', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    fake.add('Email.Sent', URL_HERE);
    fake.fail(/GET/, { status: 429, retryAfter: '7' }, { status: 500 });
    const onRetry = jest.fn();
    await client({ onRetry, attempts: 4, backoffMs: 100 }).webhooks.show('wh-1');
    const told = { operation: 'GET /webhooks/wh-1', attempts: 4 };
    expect(onRetry.mock.calls).toEqual([
      [{ ...told, attempt: 1, delayMs: 7_000, error: expect.objectContaining({ apiStatus: 429 }) }],
      [{ ...told, attempt: 2, delayMs: 200, error: expect.objectContaining({ apiStatus: 500 }) }],
    ]);
  });

  test('does no harm when it throws, and must be a function', async () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    fake.add('Email.Sent', URL_HERE);
    fake.fail(/GET/, { status: 500 });
    const onRetry = () => {
      throw new Error('boom');
    };
    expect(await client({ onRetry }).webhooks.show('wh-1')).toMatchObject({ id: 'wh-1' });
    expect(process.emitWarning).toHaveBeenCalledWith(expect.stringContaining('boom'), expect.anything());
    expect(() => client({ onRetry: 'no' as never })).toThrow('`onRetry`');
  });
});

describe('a signal while signing in', () => {
  test('rejects its own call at once, and leaves the sign-in to the others', async () => {
    let letIn = (): void => {};
    const fetch = globalThis.fetch;
    const asked = new Promise<void>((resolve) => {
      jest.spyOn(globalThis, 'fetch').mockImplementationOnce(async (...args) => {
        resolve();
        await new Promise<void>((open) => (letIn = open));
        return fetch(...args);
      });
    });
    fake.add('Email.Sent', URL_HERE);
    const { webhooks } = client(USER);
    const stop = new AbortController();
    const given = webhooks.show('wh-1', { signal: stop.signal });
    const other = webhooks.show('wh-1');
    await asked;
    stop.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    letIn();
    expect(await other).toMatchObject({ id: 'wh-1' });
    expect(count('POST /token')).toBe(1);
  });

  test('that is already aborted prevents every call', async () => {
    const signal = AbortSignal.abort(new Error('before'));
    await expect(client(USER).webhooks.show('wh-1', { signal })).rejects.toThrow('before');
    expect(fake.calls).toEqual([]);
  });
});
