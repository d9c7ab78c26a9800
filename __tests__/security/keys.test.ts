import { inspect } from 'node:util';
import type { ErrorRequestHandler } from 'express';
import request, { type Response } from 'supertest';
import * as z from 'zod';
import {
  ConfigurationError,
  createWebhookRouter,
  type DedupeStore,
  type Delivery,
  type LifecycleNotices,
  type Logger,
  type SecretInput,
  type SecretsRequest,
  type SecretsSource,
  type WebhookError,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { PATH, SECRET } from '../helpers/harness.js';
import { dial, hangUp, head, listen } from '../helpers/raw-http.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

describe('a secret that cannot be used', () => {
  test.each<[string, unknown]>([
    ['an empty string', ''],
    ['blanks', '  '],
    ['a line break', '\n'],
    ['undefined', undefined],
    ['null', null],
    ['an empty Buffer', Buffer.alloc(0)],
    ['empty bytes', new Uint8Array()],
    ['an empty list', []],
    ['an empty map', {}],
    ['a list with an empty string', ['good', '']],
    ['a list with blanks', ['  ', 'good']],
    ['a list with undefined', ['good', undefined]],
    ['a list with an empty Buffer', ['good', Buffer.alloc(0)]],
    ['a map with an empty string', { 'User.LoggedIn': 'good', 'Email.Sent': '' }],
    ['a map with undefined', { 'User.LoggedIn': undefined }],
    ['a map with an empty list', { 'User.LoggedIn': [] }],
    ['a map with a blank in a list', { 'User.LoggedIn': ['good', ' '] }],
    ['the text undefined, as an environment file may hold it', 'undefined'],
    ['a number', 12345],
    ['true', true],
    ['a Map', new Map([['User.LoggedIn', 'good']])],
    ['a promise', Promise.resolve('good')],
  ])('14. %s throws at construction, naming the option and the fix', (_, secret) => {
    const construct = (): unknown => createWebhookRouter({ secret: secret as SecretInput });
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow(/`secret(\[.*\])?` is /);
    expect(construct).toThrow("Pass the webhook's key as `secret`. Cakemail shows it in GET /webhooks/{id}");
    expect(construct).toThrow(expect.objectContaining({ code: 'ERR_SECRET_MISSING' }));
  });

  test.each([undefined, null, {}])('14. the options %j throw at construction', (options) => {
    const construct = (): unknown => createWebhookRouter(options as WebhookRouterOptions);
    expect(construct).toThrow(ConfigurationError);
    expect(construct).toThrow("Pass the webhook's key as `secret`");
  });

  test.each([null, 'the-key-itself', ['the-key-itself']])(
    '14. the option `secrets` throws when it is %j and not a function',
    (secrets) => {
      const construct = (): unknown => createWebhookRouter({ secrets: secrets as unknown as SecretsSource });
      expect(construct).toThrow(ConfigurationError);
      expect(construct).toThrow('`secrets` must be a function');
    },
  );
});

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('a key with white space around it', () => {
    const spaced = `${SECRET}\n`;

    test('15. a key with white space around it is used as given', async () => {
      const { deliver } = createApp({ secret: spaced, logger: {} });
      expect((await deliver('User.LoggedIn', spaced)).status).toBe(200);
      expect((await deliver('User.Created', SECRET)).status).toBe(403);
    });

    test.each([spaced, ` ${SECRET}`, `\t${SECRET} `])('15. the key %j causes a warning in the log', (secret) => {
      const warnings: string[] = [];
      createApp({ secret, logger: { warn: (_fields, message) => warnings.push(message) } });
      expect(warnings).toEqual([expect.stringContaining('`secret` has white space around it. It is used as given')]);
    });

    test('15. a key with white space around it causes a process warning when there is not a logger', () => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      createApp({ secret: spaced });
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn).toHaveBeenCalledWith(
        expect.stringContaining('`secret` has white space around it.'),
        expect.objectContaining({ code: 'WARN_SECRET' }),
      );
    });

    test('15. a key with white space inside causes no warning', () => {
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      createApp({ secret: 'a key of three words' });
      expect(warn).not.toHaveBeenCalled();
    });
  });

  /** An app whose keys are loaded, what was refused and what came through. */
  /** A source with the usual key, which looks for newer ones by `renew`. */
  function renewable(renew: () => Promise<never>): SecretsSource {
    return Object.assign(({ refresh }: SecretsRequest) => (refresh ? renew() : SECRET), { isCached: true });
  }

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
      const { listener, webhooks, reasons } = appWith(() => new Promise((resolve) => (answer = resolve)));
      const { port } = await listen(listener);
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

  describe('the environment', () => {
    const environments = ['development', 'test', 'production', 'staging', ''];

    test.each(environments)('17. NODE_ENV=%s changes nothing about verification', async (NODE_ENV) => {
      jest.replaceProperty(process, 'env', { ...process.env, NODE_ENV });
      const { deliver, post, handled } = appWith(() => SECRET);
      expect((await post(JSON.stringify(sampleEvent('User.LoggedIn')))).status).toBe(403);
      expect((await deliver('User.LoggedIn', 'forged')).status).toBe(403);
      expect(handled).toEqual([]);
      expect((await deliver('User.LoggedIn')).status).toBe(200);
    });

    test.each(environments)('17. a secret is required with NODE_ENV=%s', (NODE_ENV) => {
      jest.replaceProperty(process, 'env', { ...process.env, NODE_ENV });
      expect(() => createWebhookRouter({ secret: undefined })).toThrow(ConfigurationError);
      expect(() => createWebhookRouter({ secret: '' })).toThrow(ConfigurationError);
    });
  });

  describe('what must not be seen', () => {
    const KEY = 'whk_live_Zx81-key-of-the-app';
    const RETIRING = 'whk_live_Qp07-key-that-retires';
    const TOKEN = 'ck_pat_0123456789abcdef0123456789abcdef01234567';
    const SESSION = 's%3Aa-session-that-stays-private';
    const credentials = {
      authorization: `Bearer ${TOKEN}`,
      'proxy-authorization': `Basic ${Buffer.from(TOKEN).toString('base64')}`,
      cookie: `sid=${SESSION}`,
      'set-cookie': [`sid=${SESSION}`],
    };

    const NOTICES = [
      'received',
      'verified',
      'rejected',
      'drift',
      'handled',
      'unhandled',
      'failed',
      'late',
      'duplicate',
    ] as const satisfies readonly (keyof LifecycleNotices)[];

    /** All that the traffic left anywhere, and the signatures that it carried. */
    interface Traces {
      readonly seen: unknown[];
      readonly signatures: Set<string>;
      readonly statuses: Set<number>;
      readonly notices: Set<string>;
    }

    /** A text in every form in which it might turn up. */
    function formsOf(text: string): string[] {
      const bytes = Buffer.from(text);
      const hex = bytes.toString('hex');
      const spacedHex = hex.replace(/..(?=.)/g, '$& '); // as util.inspect shows a Buffer
      const decimal = bytes.join(','); // as JSON.stringify shows one
      return [text, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), hex, spacedHex, decimal];
    }

    function formsOfSignature(signature: string): string[] {
      const bytes = Buffer.from(signature, 'base64');
      const hex = bytes.toString('hex');
      return [...formsOf(signature), signature.slice(0, 43), bytes.toString('base64url'), hex, bytes.join(',')];
    }

    /** A value in every form in which it might be written down. */
    function shown(value: unknown): string {
      const options = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, getters: true };
      const parts = [inspect(value, options), JSON.stringify(value) ?? '', String(value)];
      if (value instanceof Error) parts.push(value.stack ?? '', value.message, shown({ ...value, cause: value.cause }));
      return parts.join('\n');
    }

    function expectNothingLeaked({ seen, signatures }: Traces): void {
      const text = seen.map(shown).join('\n').toLowerCase();
      const forms = [KEY, RETIRING, TOKEN, SESSION].flatMap(formsOf);
      for (const signature of signatures) forms.push(...formsOfSignature(signature));
      expect(forms.filter((form) => text.includes(form.toLowerCase()))).toEqual([]);
    }

    function appUnderWatch(traces: Traces, options: Partial<WebhookRouterOptions>) {
      const { seen, statuses, notices } = traces;
      const record = (...line: unknown[]): void => void seen.push(...line);
      const logger: Logger = { debug: record, info: record, warn: record, error: record };
      const { app, listener, webhooks } = createApp({ logger, ...options });
      const answer: ErrorRequestHandler = (error: WebhookError, _req, res, _next) => {
        seen.push(error);
        res.status(error.status).json({ message: error.message, help: error.help, cause: String(error.cause) });
      };
      app.use(answer);

      for (const name of NOTICES) {
        webhooks.lifecycle.on(name, (notice: object) => {
          notices.add(name);
          seen.push(notice, 'delivery' in notice && (notice.delivery as Delivery).headers);
        });
      }
      webhooks.onError((error, delivery) => record(error, delivery, { ...delivery.headers }));

      /** Sends a body signed with a key, or under the headers given. */
      async function send(payload: string | object, signer: string | Record<string, string>): Promise<Response> {
        const { body, headers } = signedRequest(payload, { secret: typeof signer === 'string' ? signer : KEY });
        const signature = headers['x-signature'] ?? '';
        traces.signatures.add(signature);
        const carried = { 'x-signature': signature, 'x-cakemail-signature': signature };
        const own = typeof signer === 'string' ? {} : signer;
        const answered = await request(listener)
          .post(PATH)
          .set({ 'content-type': 'application/json', ...credentials, ...carried, ...own })
          .serialize((text: unknown) => text as string)
          .send(body);
        statuses.add(answered.status);
        seen.push(answered.text, answered.headers);
        return answered;
      }
      return { listener, webhooks, send, record };
    }

    function newTraces(): Traces {
      return { seen: [], signatures: new Set(), statuses: new Set(), notices: new Set() };
    }

    async function runTraffic(errors: 'respond' | 'next'): Promise<Traces> {
      const traces = newTraces();
      const secret: Record<string, string | string[]> = {
        'User.LoggedIn': [RETIRING, KEY],
        'Email.Sent': KEY,
        'Email.Opened': KEY,
        'Email.Clicked': KEY,
        'Email.Queued': KEY,
        'Email.Error': KEY,
        'Campaign.Sent': KEY,
        'List.Created': `${RETIRING} `,
      };
      const brokenSchema = {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: () => {
            throw new Error('the schema is broken');
          },
        },
      };
      const { listener, webhooks, send, record } = appUnderWatch(traces, {
        secret,
        errors,
        limit: 4096,
        timeoutMs: { handler: 50 },
        schemas: { 'Email.Queued': z.object({ id: z.number() }), 'Email.Error': brokenSchema },
      });
      let failLate: (error: Error) => void = () => {};
      webhooks.on(['User.LoggedIn', 'Email.Sent'], (event, delivery) =>
        record(event, delivery, { ...delivery.headers }),
      );
      webhooks.on('Email.Opened', () => Promise.reject(new Error('the database is away')));
      webhooks.on('Email.Opened', () => {
        throw 'text instead of an error';
      });
      webhooks.on('Email.Clicked', () => new Promise((_, reject) => (failLate = reject)));

      const late = new Promise((resolve) => webhooks.lifecycle.once('late', resolve));
      const good = sampleEvent('User.LoggedIn');
      await send(good, KEY);
      await send(good, KEY); // a duplicate
      await send(sampleEvent('User.LoggedIn', { created_on: 1 }), RETIRING);
      await send({ ...good, data: { email: 42 } }, KEY); // drift
      await send({ ...good, created_on: 2 }, RETIRING.toUpperCase()); // the key of another sender
      await send(sampleEvent('Email.Sent'), RETIRING); // the key of another event
      await send({ ...good, created_on: 3 }, { 'x-signature': '' });
      await send({ ...good, created_on: 3 }, { 'x-signature': `v1,${sign(JSON.stringify(good), KEY)}` });
      await send(sampleEvent('Email.Opened'), KEY); // failing handlers
      await send(sampleEvent('Email.Clicked'), KEY); // a handler that is too slow
      failLate(new Error('the database is away'));
      await late;
      await send(sampleEvent('Email.Queued'), KEY); // refused by the schema
      await send(sampleEvent('Email.Error'), KEY); // a broken schema
      await send({ event: 'Campaign.Sent', data: {} }, KEY); // unhandled
      for (const text of ['not JSON', '[]', '{}', '{"event": 1}']) await send(text, KEY);
      await send('x'.repeat(5000), KEY); // too large
      await send(good, { 'content-encoding': 'gzip' });
      const { status, text } = await request(listener).get(PATH).set(credentials);
      traces.statuses.add(status);
      traces.seen.push(text);

      const sealed = appUnderWatch(traces, { errors, secrets: () => Promise.reject(new Error('the vault is sealed')) });
      await sealed.send(good, KEY);
      const nothing = appUnderWatch(traces, { errors, secrets: () => ({ 'User.LoggedIn': [KEY, ''] }) });
      await nothing.send(good, KEY);
      const away = async (): Promise<never> => {
        throw new Error('the store is away');
      };
      const store: DedupeStore = { reserve: away, finish: away, release: away };
      const storeless = appUnderWatch(traces, { errors, secret: KEY, dedupe: store });
      await storeless.send(good, KEY);
      const unfinished = appUnderWatch(traces, {
        errors,
        secret: KEY,
        dedupe: { ...store, reserve: () => ({ state: 'reserved' }) },
      });
      await unfinished.send(good, KEY);
      await webhooks.close();
      await send(good, KEY);

      traces.seen.push(webhooks, await sealed.webhooks.receive({ rawBody: 'x', headers: credentials }));
      return traces;
    }

    test.each(['respond', 'next'] as const)(
      '18. no key, signature or credential is visible after any traffic (errors: %s)',
      async (errors) => {
        const traces = await runTraffic(errors);
        expect([...traces.statuses].sort()).toEqual([200, 400, 403, 405, 413, 415, 422, 500, 503]);
        expect([...traces.notices].sort()).toEqual([...NOTICES].sort());
        expectNothingLeaked(traces);
      },
    );

    test('18. this search finds every form of a leak', () => {
      const signature = sign('{}', KEY);
      const leaks = [
        KEY,
        { err: new Error('failed', { cause: { key: Buffer.from(KEY) } }) },
        [{ headers: credentials }],
        { cookie: Buffer.from(SESSION).toString('hex') },
        Buffer.from(signature, 'base64').toString('hex').toUpperCase(),
        { signature: Buffer.from(signature, 'base64') },
      ];
      for (const leak of leaks) {
        const traces = { ...newTraces(), seen: [leak], signatures: new Set([signature]) };
        expect(() => expectNothingLeaked(traces)).toThrow();
      }
    });

    test.each<unknown>([
      [KEY, ''],
      { 'User.LoggedIn': [KEY, RETIRING, ' '] },
      { 'User.LoggedIn': KEY, 'Email.Sent': undefined },
      [KEY, { key: RETIRING }],
    ])('18. the error of a refused secret does not hold the keys next to it (case %#)', (secret) => {
      const traces = newTraces();
      try {
        createWebhookRouter({ secret: secret as SecretInput });
      } catch (error) {
        traces.seen.push(error);
      }
      expect(traces.seen).toHaveLength(1);
      expectNothingLeaked(traces);
    });

    test('18. the error of an option does not hold a key that was passed in its place', () => {
      const traces = newTraces();
      for (const options of [{ secrets: KEY }, { secret: KEY, secrets: () => KEY }, { secret: KEY, limit: 0 }]) {
        try {
          createWebhookRouter(options as WebhookRouterOptions);
        } catch (error) {
          traces.seen.push(error);
        }
      }
      expect(traces.seen).toHaveLength(3);
      expectNothingLeaked(traces);
    });

    test.each(['x-signature', 'x-cakemail-signature', 'X-Hook-Signature'])(
      '18. a handler gets no signature under any header name when the header is %s',
      async (header) => {
        const traces = newTraces();
        const { webhooks, send } = appUnderWatch(traces, { secret: KEY, signatureHeader: header });
        webhooks.onAny((_event, delivery) => traces.seen.push({ ...delivery.headers }));
        const event = sampleEvent('User.LoggedIn');
        const { status } = await send(event, { [header]: sign(JSON.stringify(event), KEY) });
        expect(status).toBe(200);
        expectNothingLeaked(traces);
      },
    );
  });
});
