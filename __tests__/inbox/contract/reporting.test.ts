import { inspect } from 'node:util';
import * as z from 'zod';
import type { Inbox } from '../../../src/inbox/index.js';
import {
  HandlerError,
  type LifecycleNotices,
  PermanentError,
  type WebhookRouter,
  type WebhookRouterOptions,
} from '../../../src/index.js';
import {
  closeAll,
  drained,
  fail,
  LOGIN,
  login,
  newPlace,
  onEachEngine,
  open,
  type Place,
  QUICK,
  routerOn,
  send,
} from '../../helpers/inbox.js';
import { next } from '../../helpers/waiting.js';

afterEach(closeAll);

onEachEngine((engine) => {
  let place: Place;
  let inbox: Inbox;
  beforeEach(async () => {
    place = await newPlace(engine);
    inbox = await open(place);
  });

  test('a dead letter is reported with the error objects that its handlers threw', async () => {
    const webhooks = routerOn(inbox);
    const thrown = [new PermanentError('never', { cause: 'why' }), new PermanentError('nor this')] as const;
    for (const each of thrown) {
      webhooks.on('User.LoggedIn', () => {
        throw each;
      });
    }
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    const { error } = await died;
    if (!(error instanceof HandlerError)) throw new Error(`It is ${error.name}.`);
    expect(error.code).toBe('ERR_HANDLER_FAILED');
    expect(error.errors[0]).toBe(thrown[0]);
    expect(error.errors[1]).toBe(thrown[1]);
  });

  test('a dead letter is reported without a stack when another process used up its attempts', async () => {
    const first = routerOn(await open(place, { ...QUICK, retries: { attempts: 20, baseMs: 200, maxMs: 200 } }));
    first.on('User.LoggedIn', fail);
    const failed = next(first, 'failed');
    await send(first, LOGIN);
    await failed;
    await first.close();
    const second = routerOn(await open(place, { ...QUICK, retries: { attempts: 1 } }));
    const handler = jest.fn();
    second.on('User.LoggedIn', handler);
    const { reason, error } = await next(second, 'dead');
    expect(reason).toBe('attempts_exhausted');
    expect(error).not.toBeInstanceOf(Error);
    expect(error).toEqual({ name: 'Error', message: 'The process ended during the last attempt.' });
    expect(handler).not.toHaveBeenCalled();
  });

  test('57. failing handlers and dead letters cause process warnings when nothing reports them', async () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      const webhooks = routerOn(inbox, { logger: undefined, errors: 'next' });
      webhooks.on('User.LoggedIn', fail);
      const outcomes = await Promise.all([send(webhooks, login(1)), send(webhooks, login(2))]);
      expect(outcomes.map(({ status }) => status)).toEqual([202, 202]);
      await drained(inbox);
      await webhooks.close();
      const type = 'CakemailWebhooksWarning';
      const codes = ['ERR_HANDLER_FAILED', 'WARN_DEAD_LETTER'];
      const ours = emitWarning.mock.calls.filter(([, warned]) => codes.includes((warned as { code: string }).code));
      expect(ours.sort(([one], [other]) => String(one).localeCompare(String(other)))).toEqual([
        [
          expect.stringMatching(/^A delivery of 'User.LoggedIn' became a dead letter \(attempts_exhausted\)/),
          { type, code: 'WARN_DEAD_LETTER' },
        ],
        [
          expect.stringMatching(/^A handler of 'User.LoggedIn' failed, and nothing reports it/),
          { type, code: 'ERR_HANDLER_FAILED', detail: expect.stringMatching(/^Error: not today\n +at /) },
        ],
      ]);
    } finally {
      emitWarning.mockRestore();
    }
  });

  test.each<[string, Partial<WebhookRouterOptions>, (webhooks: WebhookRouter) => unknown]>([
    ['the app passes a logger', { logger: { error: () => {} } }, () => {}],
    [
      'the app listens for them',
      {},
      ({ lifecycle }) => {
        lifecycle.on('failed', () => {});
        lifecycle.on('dead', () => {});
      },
    ],
  ])('failing handlers and dead letters cause no process warning when %s', async (_title, options, listen) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      const webhooks = routerOn(inbox, { logger: undefined, ...options });
      listen(webhooks);
      webhooks.on('User.LoggedIn', fail);
      await send(webhooks, LOGIN);
      await drained(inbox);
      await webhooks.close();
      const codes = emitWarning.mock.calls.map(([, warned]) => (warned as { code?: string })?.code);
      expect(codes).not.toContain('ERR_HANDLER_FAILED');
      expect(codes).not.toContain('WARN_DEAD_LETTER');
    } finally {
      emitWarning.mockRestore();
    }
  });

  test('a dead letter names the path that its schema rejected, and not the value', async () => {
    const schema = z.object({
      deep: z.object({ card: z.string().refine(() => false, { error: ({ input }) => `not ${input}` }) }),
    });
    const written: unknown[] = [];
    const logger = {
      error: (...line: unknown[]) => written.push(line),
      warn: (...line: unknown[]) => written.push(line),
    };
    const webhooks = routerOn(inbox, { schemas: { 'Email.Sent': schema as never }, logger });
    const died = next(webhooks, 'dead');
    await send(webhooks, { event: 'Email.Sent', data: { deep: { card: '4111-1111' } } });
    const { id, error } = await died;
    const { rawBody: _body, headers: _headers, ...entry } = (await inbox.get(id)) ?? { rawBody: '', headers: {} };
    expect(entry).toMatchObject({ reason: 'schema_mismatch', error: expect.stringContaining('data.deep.card') });
    for (const shown of [entry, error, written]) {
      expect(inspect(shown, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain('4111-1111');
    }
  });

  test('49. the payload is not logged, even if a schema quotes it in an error', async () => {
    const lines: unknown[] = [];
    const write = (fields: object, message: string): unknown => lines.push(inspect([message, fields], { depth: 20 }));
    const logger = { debug: write, info: write, warn: write, error: write };
    const quote = (data: unknown): never => {
      throw new TypeError(`It cannot be ${JSON.stringify(data)}`);
    };
    const webhooks = routerOn(await open(place, { ...QUICK, retries: { attempts: 1 } }), {
      logger,
      schemas: {
        'User.LoggedIn': z.object({ email: z.number({ error: ({ input }) => `Not ${input}` }) }),
        'User.Created': z.unknown().transform(quote),
      } as never,
    });
    const notices: LifecycleNotices['dead'][] = [];
    webhooks.lifecycle.on('dead', (notice) => notices.push(notice));
    await send(webhooks, LOGIN);
    await send(webhooks, { ...LOGIN, event: 'User.Created' });
    await drained(inbox);
    await webhooks.close();
    expect(notices.map(({ reason }) => reason).sort()).toEqual(['attempts_exhausted', 'schema_mismatch']);
    expect(lines.filter((line) => String(line).includes('dead letter'))).toHaveLength(2);
    expect(lines.join('\n')).toContain("paths: [ 'data.email' ]");
    expect(lines.join('\n')).toContain("errorNames: [ 'TypeError' ]");
    expect(lines.join('\n')).not.toContain(LOGIN.data.email);
  });
});
