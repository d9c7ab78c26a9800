import { setTimeout as sleep } from 'node:timers/promises';
import type { CakemailApiError } from '../../src/api/index.js';
import { client, reasonOf, startFake, stopFake, URL_HERE } from '../helpers/api.js';
import { type FakeCakemail, type Fault, USER } from '../helpers/fake-cakemail.js';

jest.mock('node:timers/promises', () => ({ setTimeout: jest.fn(async () => {}) }));

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
  jest.mocked(sleep).mockClear();
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

  test('with a single attempt is still looked for', async () => {
    fake.fail(/POST/, 'dropAfter');
    expect(await create(1)).toMatchObject({ id: 'wh-1' });
    expect(waits()).toEqual([]);
  });

  test('of which it cannot be told whether it was carried out is not repeated', async () => {
    fake.fail(/POST/, 'dropAfter');
    fake.fail(/GET/, ...times(5, 'drop'));
    expect(await reasonOf(create(5))).toMatchObject({ operation: 'POST /webhooks' });
    expect([fake.webhooks.size, count('POST /webhooks')]).toEqual([1, 1]);
  });

  test('that was answered with nonsense is looked for too', async () => {
    fake.fail(/POST/, 'nonsense');
    expect(await create(5)).toMatchObject({ id: 'wh-1' });
    expect(fake.calls).toEqual(['POST /webhooks', 'GET /webhooks', 'POST /webhooks']);
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

  test('that aborted before asks for nothing', async () => {
    const signal = AbortSignal.abort(new Error('before'));
    await expect(client(USER).webhooks.show('wh-1', { signal })).rejects.toThrow('before');
    expect(fake.calls).toEqual([]);
  });
});
