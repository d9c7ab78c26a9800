import type { ErrorRequestHandler } from 'express';
import request, { type Response } from 'supertest';
import * as z from 'zod';
import {
  createWebhookRouter,
  type DedupeStore,
  type Delivery,
  type LifecycleNotices,
  type Logger,
  type SecretInput,
  type WebhookError,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { PATH } from '../helpers/harness.js';
import {
  CREDENTIALS,
  expectNothingLeaked,
  KEY,
  newTraces,
  RETIRING,
  SESSION,
  type Traces,
} from '../helpers/leak-search.js';
import { hangUp } from '../helpers/raw-http.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await hangUp();
});

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('what must not be seen', () => {
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
          .set({ 'content-type': 'application/json', ...CREDENTIALS, ...carried, ...own })
          .serialize((text: unknown) => text as string)
          .send(body);
        statuses.add(answered.status);
        seen.push(answered.text, answered.headers);
        return answered;
      }
      return { listener, webhooks, send, record };
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
      const { status, text } = await request(listener).get(PATH).set(CREDENTIALS);
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

      traces.seen.push(webhooks, await sealed.webhooks.receive({ rawBody: 'x', headers: CREDENTIALS }));
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
        [{ headers: CREDENTIALS }],
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
