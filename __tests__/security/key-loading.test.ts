import { inspect } from 'node:util';
import type { SecretsRequest, SecretsSource, WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET, startApp } from '../helpers/harness.js';
import { dial, hangUp, head } from '../helpers/raw-http.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  /** A source with the usual key, which looks for newer ones by `renew`. */
  function renewable(renew: () => Promise<never>): SecretsSource {
    return Object.assign(({ refresh }: SecretsRequest) => (refresh ? renew() : SECRET), { isCached: true });
  }

  /** An app that loads its keys, with its rejections and the events that it handled. */
  function appWith(secrets: SecretsSource, options: Partial<WebhookRouterOptions> = {}) {
    const reasons: string[] = [];
    const handled: string[] = [];
    const testApp = createApp({ secrets, ...options });
    testApp.webhooks.onAny((event) => handled.push(event.event));
    testApp.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
    return { ...testApp, reasons, handled };
  }

  describe('a key source that fails', () => {
    const failing: [string, SecretsSource][] = [
      [
        'throws',
        () => {
          throw new Error('the vault is sealed');
        },
      ],
      [
        'throws null',
        () => {
          throw null;
        },
      ],
      ['rejects', () => Promise.reject(new Error('the vault is sealed'))],
      ['rejects with nothing', () => Promise.reject()],
      ['never settles', () => new Promise(() => {})],
      [
        'gives a thenable that throws',
        () => ({
          // biome-ignore lint/suspicious/noThenProperty: this is the point
          then() {
            throw new Error('the vault is sealed');
          },
        }),
      ],
      ...[undefined, null, '', '  ', {}, [], [''], { 'User.LoggedIn': '' }, Buffer.alloc(0), 42, true].flatMap(
        (nothing): [string, SecretsSource][] => [
          [`gives ${inspect(nothing)}`, (() => nothing) as SecretsSource],
          [`promises ${inspect(nothing)}`, (async () => nothing) as SecretsSource],
        ],
      ),
    ];

    test.each(failing)('16. a source that %s causes 503, and no delivery is accepted', async (_, secrets) => {
      const { deliver, reasons, handled } = appWith(secrets, { timeoutMs: { dependency: 50 } });
      const answers = [await deliver('User.LoggedIn'), await deliver('User.LoggedIn', '')];
      for (const { status, headers, body } of answers) {
        expect(status).toBe(503);
        expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
        expect(body).toEqual({ error: { code: 'ERR_KEYS_UNAVAILABLE', message: expect.any(String) } });
      }
      expect(reasons).toEqual(['keys_unavailable', 'keys_unavailable']);
      expect(handled).toEqual([]);
    });

    test('16. the notice holds the error of the source, and the response does not', async () => {
      const { deliver, webhooks } = appWith(() => Promise.reject(new Error('the vault is sealed')));
      const causes: unknown[] = [];
      webhooks.lifecycle.on('rejected', ({ cause }) => causes.push(cause));
      const { text } = await deliver('User.LoggedIn');
      expect(causes).toEqual([new Error('the vault is sealed')]);
      expect(text).not.toContain('vault');
    });

    test('16. a source that failed is called again after a short delay, and deliveries are then accepted', async () => {
      const answers: SecretsSource[] = [() => new Promise(() => {}), () => Promise.reject(new Error('still sealed'))];
      const source = jest.fn<ReturnType<SecretsSource>, Parameters<SecretsSource>>((request) =>
        (answers.shift() ?? (() => SECRET))(request),
      );
      const { deliver } = appWith(source, { timeoutMs: { dependency: 50 } });
      const statuses = new Set<number>();
      while (!statuses.has(200)) statuses.add((await deliver('User.LoggedIn')).status);
      expect([...statuses]).toEqual([503, 200]);
      expect(source).toHaveBeenCalledTimes(3);
    });

    test.each<[string, SecretsSource]>([
      ['fails', () => Promise.reject(new Error('the vault is sealed'))],
      ['hangs', () => new Promise(() => {})],
    ])('46. 1,000 forgeries while the source %s cause a handful of calls, and all get 503', async (_, secrets) => {
      const source = jest.fn(secrets);
      const { webhooks } = appWith(source, { timeoutMs: { dependency: 50 } });
      const forged = () => webhooks.receive(signedRequest('{"event":"Email.Sent"}', { secret: 'forged' }));
      const outcomes = [];
      for (let batch = 0; batch < 100; batch++) {
        outcomes.push(...(await Promise.all(Array.from({ length: 10 }, forged))));
      }
      expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([503]));
      expect(outcomes).toHaveLength(1_000);
      expect(source.mock.calls.length).toBeLessThan(10);
    });

    test('46. one connection cannot make more than a bounded number of bodies wait for keys that hang', async () => {
      let answer: (secret: string) => void = () => {};
      const hanging = appWith(() => new Promise((resolve) => (answer = resolve)));
      const { port, webhooks, reasons } = await startApp(hanging);
      const body = Buffer.alloc(200_000, ' ');
      const { headers } = signedRequest(body.toString(), { secret: 'forged' });
      const one = Buffer.concat([Buffer.from(head({ ...headers, 'content-length': body.length })), body]);
      const { socket } = dial(port, '');
      const refused = new Promise((resolve) => webhooks.lifecycle.once('rejected', resolve));
      let sent = 0;
      let isRefused = false;
      void refused.then(() => {
        isRefused = true;
      });
      while (!isRefused && sent < 1_000) {
        sent++;
        await new Promise((resolve) => socket.write(one, resolve));
      }
      expect(await refused).toMatchObject({ reason: 'keys_unavailable', status: 503 });
      expect(reasons).toContain('keys_unavailable');
      expect(sent).toBeLessThan(400);
      answer(SECRET); // ends the timer
    });

    test('46. while a failing source of newer keys is not called, a signature under no known key gets 503', async () => {
      const renew = jest.fn(() => Promise.reject(new Error('the vault is sealed')));
      const { webhooks } = appWith(renewable(renew));
      const unknown = () => webhooks.receive(signedRequest('{"event":"Email.Sent"}', { secret: 'newer' }));
      expect((await unknown()).status).toBe(403);
      expect(await unknown()).toMatchObject({ status: 503, reason: 'keys_unavailable' });
      expect(renew).toHaveBeenCalledTimes(1);
    });

    test('46. forgeries beyond the bound of those that wait for newer keys get 503, as they may be genuine', async () => {
      const renew = jest.fn(() => new Promise<never>(() => {}));
      const { webhooks } = appWith(renewable(renew), { timeoutMs: { dependency: 200 } });
      const forged = () => webhooks.receive(signedRequest('{"event":"Email.Sent"}', { secret: 'forged' }));
      await webhooks.receive(signedRequest('{"event":"Email.Sent"}', { secret: SECRET })); // loads the keys
      const outcomes = await Promise.all(Array.from({ length: 1_010 }, forged));
      const count = (status: number) => outcomes.filter((outcome) => outcome.status === status).length;
      // One call hangs until its time limit. The others never reach the source.
      expect([count(403), count(503)]).toEqual([1, 1_009]);
      expect(renew).toHaveBeenCalledTimes(1);
      const genuine = await webhooks.receive(signedRequest('{"event":"Email.Opened"}', { secret: SECRET }));
      expect(genuine).toMatchObject({ status: 200 });
    });

    test('16. a request without a signature is refused without waiting for the keys', async () => {
      const { post, reasons } = appWith(() => new Promise(() => {}));
      expect((await post('{}')).status).toBe(403);
      expect(reasons).toEqual(['missing']);
    });
  });

  describe('a key source that works', () => {
    test('16. requests at the same time share one load', async () => {
      const waiting = 20;
      let loads = 0;
      let give: (secret: string) => void = () => {};
      const { deliver, webhooks, handled } = appWith(() => {
        loads++;
        return new Promise<string>((resolve) => (give = resolve));
      });
      let received = 0;
      webhooks.lifecycle.on('received', () => {
        received++;
        if (received === waiting) give(SECRET);
      });
      const deliveries = Array.from({ length: waiting }, (_, created_on) =>
        deliver(sampleEvent('User.LoggedIn', { created_on })),
      );
      const statuses = (await Promise.all(deliveries)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(handled).toHaveLength(waiting);
      expect(loads).toBe(1);
    });

    test('16. loaded keys are used for secretsMaxAgeMs and no longer', async () => {
      let now = Date.now();
      jest.spyOn(Date, 'now').mockImplementation(() => now);
      const keys = ['old', 'new'];
      const { deliver, reasons } = appWith(() => keys.shift() ?? '', { secretsMaxAgeMs: 1000 });
      const deliverAt = async (ms: number, created_on: number, key: string): Promise<number> => {
        now += ms;
        return (await deliver(sampleEvent('User.LoggedIn', { created_on }), key)).status;
      };
      expect(await deliverAt(0, 1, 'old')).toBe(200);
      expect(await deliverAt(999, 2, 'old')).toBe(200);
      expect(await deliverAt(1, 3, 'old')).toBe(403);
      expect(await deliverAt(0, 3, 'new')).toBe(200);
      // The third load returns no keys, and the withdrawn ones must not come back.
      expect(await deliverAt(1000, 4, 'new')).toBe(503);
      expect(reasons).toEqual(['mismatch', 'keys_unavailable']);
    });

    test('16. loaded keys may be bound to events', async () => {
      const { deliver, reasons } = appWith(async () => ({ 'User.LoggedIn': 'a', 'Email.Sent': 'b' }));
      expect((await deliver('User.LoggedIn', 'a')).status).toBe(200);
      expect((await deliver('User.LoggedIn', 'b')).status).toBe(403);
      expect(reasons).toEqual(['wrong_key_for_event']);
    });
  });
});
