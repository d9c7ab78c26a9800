import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { inspect } from 'node:util';
import request from 'supertest';
import * as z from 'zod';
import type { Inbox } from '../../src/inbox/index.js';
import {
  type CakemailEvent,
  ConfigurationError,
  type Delivery,
  HandlerError,
  type LifecycleNotices,
  PermanentError,
  type WebhookRouter,
  type WebhookRouterOptions,
} from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { createApp, PATH, SECRET } from '../helpers/harness.js';
import {
  closeAll,
  drained,
  newPlace,
  onEachEngine,
  open,
  type Place,
  QUICK,
  routerOn,
  send,
} from '../helpers/inbox.js';
import { next } from '../helpers/waiting.js';

afterEach(closeAll);

const LOGIN = sampleEvent('User.LoggedIn');
/** Distinct events. */
const login = (account_id: number) => ({ ...LOGIN, account_id });
const fail = (): never => {
  throw new Error('not today');
};

onEachEngine((engine) => {
  let place: Place;
  let inbox: Inbox;
  beforeEach(async () => {
    place = await newPlace(engine);
    inbox = await open(place);
  });

  test('takes a delivery, answers 202, and has it handled', async () => {
    const { listener, webhooks } = createApp({ inbox, logger: {} });
    const handled = next(webhooks, 'handled');
    const seen: [CakemailEvent, Delivery][] = [];
    webhooks.on('User.LoggedIn', (event, delivery) => seen.push([event, delivery]));
    const { body, headers } = signedRequest(LOGIN, { secret: SECRET });
    const response = await request(listener).post(PATH).set(headers).send(body);
    expect([response.status, response.body]).toEqual([202, { status: 'stored' }]);
    const { delivery } = await handled;
    expect(seen).toEqual([[LOGIN, delivery]]);
    expect(delivery).toMatchObject({ attempt: 1, known: true, rawBody: Buffer.from(body) });
    await drained(inbox);
    expect(await inbox.get(delivery.id)).toMatchObject({ state: 'done', attempts: 1, event: 'User.LoggedIn' });
    await webhooks.close();
  });

  test('keeps the exact bytes, and when they came', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    const body = '{ "event":"Nobody.KnowsIt",\n"data" : {"a":"\\u0000 é \u2028 😀","n":1.50,"b":9007199254740993} }';
    const before = Date.now();
    const outcome = await send(webhooks, body);
    if (outcome.kind !== 'stored') throw new Error(outcome.kind);
    const kept = await inbox.get(outcome.delivery.id);
    expect(kept?.rawBody.equals(Buffer.from(body))).toBe(true);
    expect(kept).toMatchObject({ state: 'waiting', attempts: 0, event: 'Nobody.KnowsIt' });
    expect(kept?.receivedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(kept?.receivedAt.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test('keeps large bodies, odd names, odd headers and odd errors', async () => {
    const webhooks = routerOn(inbox, { limit: 1_000_000 });
    const name = 'A\0B\ud800.C';
    const seen: unknown[] = [];
    webhooks.onAny((event, { headers }) => {
      seen.push(event.event, headers['x-odd']);
      throw new PermanentError('\0\udfff it went wrong');
    });
    const died = next(webhooks, 'dead');
    const payload = JSON.stringify({ event: name, data: { pad: '😀'.repeat(100_000) } });
    const { headers } = signedRequest(payload, { secret: SECRET });
    await webhooks.receive({ rawBody: payload, headers: { ...headers, 'x-odd': ['\xe9', '\0'] } });
    await died;
    expect(seen).toEqual([name, ['\xe9', '\0']]);
    const [letter] = await inbox.list({ event: 'A\ufffdB\ufffd.C' });
    expect(letter).toMatchObject({ state: 'dead', error: '\ufffd\ufffd it went wrong' });
    expect((await inbox.get(letter?.id ?? ''))?.rawBody.equals(Buffer.from(payload))).toBe(true);
  });

  test('refuses what is no filter, and knows nobody by what is no id', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    await send(webhooks, LOGIN);
    const wrong = [5, null, ['id'], { id: 'x' }, { state: 'failed' }, { state: null }, { event: 1 }, { since: 0 }];
    for (const which of [...wrong, { since: new Date('nonsense') }] as never[]) {
      for (const ask of [inbox.list, inbox.remove, inbox.replay])
        await expect(ask(which)).rejects.toThrow(ConfigurationError);
    }
    for (const limit of [0, -1, 1.5, Number.NaN]) await expect(inbox.list({ limit })).rejects.toThrow('`limit`');
    for (const id of ['meta', 'wait', 'events', 'id', '', '\0', 'A'.repeat(64)]) {
      expect([await inbox.get(id), await inbox.remove(id), await inbox.replay(id)]).toEqual([undefined, 0, 0]);
    }
    expect(await inbox.stats()).toMatchObject({ waiting: 1 });
  });

  test('replays and removes everything only when it is told to', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    await send(webhooks, LOGIN);
    const empty = [
      {},
      { state: undefined },
      { event: undefined, since: undefined },
      { all: false },
      { all: undefined },
    ];
    for (const which of [...empty, { all: true, state: 'waiting' }, { all: 'yes' }] as never[]) {
      for (const act of [inbox.remove, inbox.replay]) await expect(act(which)).rejects.toThrow(ConfigurationError);
    }
    await expect(inbox.remove({} as never)).rejects.toThrow('pass { all: true } if you mean that');
    expect(await inbox.stats()).toMatchObject({ waiting: 1 });
    expect(await inbox.replay({ all: true })).toBe(0);
    expect(await inbox.remove({ all: true })).toBe(1);
  });

  test('keeps of a refused event where its schema refuses it, and no value', async () => {
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

  test('counts the age of a delivery that came again from when it came again', async () => {
    const short = await open(place, { ...QUICK, keepMs: 1 });
    const webhooks = routerOn(short, { worker: false });
    const old = new Date(Date.now() - 86_400_000);
    const { body } = signedRequest(LOGIN, { secret: SECRET });
    const delivery = { id: createHash('sha256').update(body).digest('hex'), event: LOGIN.event, headers: {} };
    await short.store({ ...delivery, rawBody: Buffer.from(body), receivedAt: old });
    expect((await short.stats()).oldestAgeMs).toBeGreaterThan(86_000_000);
    const worker = routerOn(await open(place), { worker: false });
    worker.work();
    await drained(short);
    await worker.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'stored' });
    expect((await short.stats()).oldestAgeMs).toBeLessThan(60_000);
    expect(await short.list({ since: new Date(Date.now() - 60_000) })).toHaveLength(1);
  });

  test('close() waits for a handler that begins while it is called', async () => {
    for (let index = 0; index < 10; index++) {
      const again = await open(place);
      const webhooks = routerOn(again);
      let running = 0;
      webhooks.on('User.LoggedIn', async () => {
        running++;
        await new Promise((resolve) => setTimeout(resolve, 30));
        running--;
      });
      await send(webhooks, login(index));
      await new Promise((resolve) => setTimeout(resolve, index % 4));
      await webhooks.close();
      expect(running).toBe(0);
    }
    const states = new Set((await inbox.list()).map(({ state }) => state));
    expect(states.has('active')).toBe(false);
  });

  test('lets what is active alone', async () => {
    const webhooks = routerOn(inbox);
    let finish: () => void = () => {};
    const started = new Promise<string>((resolve) => {
      webhooks.on('User.LoggedIn', (_event, { id }) => {
        resolve(id);
        return new Promise<void>((done) => {
          finish = done;
        });
      });
    });
    await send(webhooks, LOGIN);
    const id = await started;
    expect(await inbox.get(id)).toMatchObject({ state: 'active', attempts: 1 });
    const all = { all: true } as const;
    expect([await inbox.remove(id), await inbox.remove(all), await inbox.replay(id), await inbox.replay(all)]).toEqual([
      0, 0, 0, 0,
    ]);
    finish();
    await drained(inbox);
    expect(await inbox.remove('no such id')).toBe(0);
    expect(await inbox.replay('no such id')).toBe(0);
    expect(await inbox.get('no such id')).toBeUndefined();
  });

  test('knows a delivery that it has, and one that it had', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'stored', status: 202 });
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'duplicate', status: 202 });
    webhooks.work();
    await drained(inbox);
    const duplicate = next(webhooks, 'duplicate');
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'duplicate', status: 202 });
    expect(await duplicate).toMatchObject({ joined: false });
    await drained(inbox);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('takes the same bytes once, however many come at the same moment by different processes', async () => {
    const routers = [routerOn(inbox), routerOn(await open(place))];
    const handler = jest.fn();
    for (const webhooks of routers) webhooks.on('User.LoggedIn', handler);
    const sent = Array.from({ length: 20 }, (_, index) => send(routers[index % 2] as (typeof routers)[0], LOGIN));
    const kinds = (await Promise.all(sent)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'stored')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'duplicate')).toHaveLength(19);
    await drained(inbox);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test('tries a failed delivery again, without the handlers that succeeded', async () => {
    const webhooks = routerOn(inbox);
    const attempts: number[] = [];
    const sibling = jest.fn();
    webhooks.on('User.LoggedIn', (_event, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) fail();
    });
    webhooks.on('User.*', sibling);
    webhooks.onAny(async () => sibling());
    const handled = next(webhooks, 'handled');
    await send(webhooks, LOGIN);
    await handled;
    expect(attempts).toEqual([1, 2, 3]);
    expect(sibling).toHaveBeenCalledTimes(2);
  });

  test('remembers after a restart which handlers succeeded', async () => {
    const calls: string[] = [];
    const register = (webhooks: ReturnType<typeof routerOn>, process: string): void => {
      webhooks.on('User.LoggedIn', () => calls.push(`first in ${process}`));
      webhooks.on('User.LoggedIn', ({ account_id }, { attempt }) => {
        calls.push(`second of ${account_id} in ${process}`);
        if (attempt === 1) fail();
      });
    };
    const first = routerOn(await open(place, { ...QUICK, retries: { baseMs: 200, maxMs: 200 } }));
    register(first, 'one');
    const failed = next(first, 'failed');
    await send(first, login(1));
    await failed;
    await first.close();
    const second = routerOn(inbox);
    register(second, 'two');
    await drained(inbox);
    expect(calls).toEqual(['first in one', 'second of 1 in one', 'second of 1 in two']);
  });

  test('gives up after the last attempt, tells why, and handles it again when it is asked to', async () => {
    const webhooks = routerOn(inbox);
    const handler = jest.fn(fail);
    webhooks.on('User.LoggedIn', handler);
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    const { id, eventName, reason } = await died;
    expect([eventName, reason]).toEqual(['User.LoggedIn', 'attempts_exhausted']);
    expect(handler).toHaveBeenCalledTimes(3);
    expect(await inbox.list({ state: 'dead' })).toMatchObject([{ id, attempts: 3, reason, error: 'not today' }]);

    handler.mockImplementation((() => {}) as never);
    const handled = next(webhooks, 'handled');
    expect(await inbox.replay({ state: 'dead', event: 'User.LoggedIn' })).toBe(1);
    expect((await handled).delivery).toMatchObject({ id, attempt: 1 });
    await drained(inbox);
    expect(await inbox.get(id)).toMatchObject({ state: 'done', attempts: 1 });
  });

  test('gives up at once on a PermanentError', async () => {
    const webhooks = routerOn(inbox);
    webhooks.on('User.LoggedIn', async () => {
      throw new PermanentError('there is no such customer');
    });
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    expect(await died).toMatchObject({ reason: 'permanent_error' });
    expect((await inbox.list())[0]).toMatchObject({ state: 'dead', attempts: 1 });
  });

  test('tries on for a handler beside one that failed for good, and then gives up', async () => {
    const webhooks = routerOn(inbox);
    const permanent = jest.fn(() => {
      throw new PermanentError('never');
    });
    const temporary = jest.fn().mockImplementationOnce(fail);
    webhooks.on('User.LoggedIn', permanent);
    webhooks.on('User.*', temporary);
    const died = next(webhooks, 'dead');
    await send(webhooks, LOGIN);
    expect(await died).toMatchObject({ reason: 'permanent_error' });
    expect([permanent.mock.calls.length, temporary.mock.calls.length]).toEqual([1, 2]);
  });

  test('reports a dead letter with the very errors that its handlers threw', async () => {
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

  test('reports a dead letter without a stack when another process used up its attempts', async () => {
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

  test('warns of failing handlers and of dead letters where nothing reports them', async () => {
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
    ['a logger', { logger: { error: () => {} } }, () => {}],
    [
      'listeners',
      {},
      ({ events }) => {
        events.on('failed', () => {});
        events.on('dead', () => {});
      },
    ],
  ])('does not warn of what %s reports', async (_what, options, watch) => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      const webhooks = routerOn(inbox, { logger: undefined, ...options });
      watch(webhooks);
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

  test('logs nothing of the payload when a schema or its error quotes it', async () => {
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
    webhooks.events.on('dead', (notice) => notices.push(notice));
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

  test('keeps what its schema refuses as a dead letter, and an event that nobody handles', async () => {
    const data = z.object({ email: z.number() });
    const webhooks = routerOn(inbox, { schemas: { 'User.LoggedIn': data as never } });
    const died = next(webhooks, 'dead');
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'stored' });
    expect(await died).toMatchObject({ reason: 'schema_mismatch' });
    const unhandled = next(webhooks, 'unhandled');
    expect(await send(webhooks, { event: 'Nobody.KnowsIt' })).toMatchObject({ kind: 'stored' });
    await unhandled;
    await drained(inbox);
    const kept = await inbox.list();
    expect(kept.map(({ event, state }) => `${event} ${state}`).sort()).toEqual([
      'Nobody.KnowsIt done',
      'User.LoggedIn dead',
    ]);
  });

  test('does not store what is no event, or is forged', async () => {
    const webhooks = routerOn(inbox);
    expect(await send(webhooks, 'no JSON')).toMatchObject({ status: 400 });
    const { body } = signedRequest(LOGIN, { secret: SECRET });
    const forged = signedRequest(LOGIN, { secret: 'another key' });
    expect(await webhooks.receive({ rawBody: body, headers: forged.headers })).toMatchObject({ status: 403 });
    expect(await inbox.list()).toEqual([]);
  });

  test('works apart from the process that receives', async () => {
    const web = routerOn(inbox, { worker: false });
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => send(web, login(index))));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['stored']));
    expect(await inbox.stats()).toMatchObject({ waiting: 50, active: 0, done: 0, dead: 0 });
    const worker = routerOn(await open(place), { worker: false });
    const seen = new Set<unknown>();
    worker.on('User.LoggedIn', ({ account_id }) => seen.add(account_id));
    worker.work({ concurrency: 3 });
    await drained(inbox);
    expect(seen.size).toBe(50);
  });

  test('runs as many at a time as it is told to', async () => {
    let running = 0;
    let most = 0;
    const webhooks = routerOn(inbox, { worker: { concurrency: 3 } });
    webhooks.on('User.LoggedIn', async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    });
    await Promise.all(Array.from({ length: 20 }, (_, index) => send(webhooks, login(index))));
    await drained(inbox);
    expect(most).toBe(3);
  });

  test('waits with close() for what runs, and loses nothing of what does not', async () => {
    const webhooks = routerOn(inbox, { worker: { concurrency: 1 } });
    let finish: () => void = () => {};
    const started = new Promise<void>((resolve) => {
      webhooks.on('User.LoggedIn', () => {
        resolve();
        return new Promise<void>((done) => {
          finish = done;
        });
      });
    });
    await Promise.all([send(webhooks, login(1)), send(webhooks, login(2))]);
    await started;
    const closed = webhooks.close();
    expect(await send(webhooks, login(3))).toMatchObject({ status: 503 });
    finish();
    await closed;
    const states = (await (await open(place)).list()).map(({ state }) => state).sort();
    expect(states).toEqual(['done', 'waiting']);
  });

  test('answers 503 when it cannot store', async () => {
    const { listener, webhooks } = createApp({ inbox, worker: false, logger: {} });
    const rejected = next(webhooks, 'rejected');
    await inbox.close();
    const { body, headers } = signedRequest(LOGIN, { secret: SECRET });
    const response = await request(listener).post(PATH).set(headers).send(body);
    expect([response.status, response.headers['retry-after'], response.body.error.code]).toEqual([
      503,
      '5',
      'ERR_INBOX_UNAVAILABLE',
    ]);
    expect(await rejected).toMatchObject({ reason: 'inbox_unavailable', cause: { message: expect.any(String) } });
  });

  test('is looked at, counted and cleared', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    await send(webhooks, login(1));
    await send(webhooks, { event: 'Email.Bounced' });
    expect(await inbox.list({ event: 'Email.Bounced' })).toMatchObject([{ event: 'Email.Bounced', state: 'waiting' }]);
    expect(await inbox.list({ limit: 1 })).toHaveLength(1);
    expect(await inbox.list({ since: new Date(Date.now() + 60_000) })).toEqual([]);
    const none = { waiting: 0, active: 0, done: 0, dead: 0 };
    expect(await inbox.stats()).toEqual({
      ...none,
      waiting: 2,
      oldestAgeMs: expect.any(Number),
      events: { 'User.LoggedIn': { ...none, waiting: 1 }, 'Email.Bounced': { ...none, waiting: 1 } },
    });
    expect(await inbox.remove({ event: 'Email.Bounced' })).toBe(1);
    const [left] = await inbox.list();
    expect(left?.event).toBe('User.LoggedIn');
    expect(await inbox.remove(left?.id ?? '')).toBe(1);
    expect(await inbox.stats()).toEqual({ ...none, oldestAgeMs: 0, events: {} });
    expect(await inbox.get(left?.id ?? '')).toBeUndefined();
  });

  test('forgets what was handled after its time, and then takes it as new', async () => {
    const short = await open(place, { ...QUICK, keepMs: 1 });
    const webhooks = routerOn(short);
    const handler = jest.fn();
    webhooks.on('User.LoggedIn', handler);
    await send(webhooks, LOGIN);
    await drained(short);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await send(webhooks, LOGIN)).toMatchObject({ kind: 'stored' });
    await drained(short);
    expect(handler).toHaveBeenCalledTimes(2);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await short.prune()).toBe(1);
    expect(await short.list()).toEqual([]);
  });

  test('holds no key, no signature and no credential', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    const { body, headers } = signedRequest(LOGIN, { secret: SECRET });
    const secrets = { authorization: 'Bearer do-not-keep', cookie: 'session=do-not-keep', ...headers };
    const outcome = await webhooks.receive({ rawBody: body, headers: { ...secrets, 'x-request-id': 'keep-me' } });
    if (outcome.kind !== 'stored') throw new Error(outcome.kind);
    expect((await inbox.get(outcome.delivery.id))?.headers).toMatchObject({ 'x-request-id': 'keep-me' });
    if (engine.name !== 'SQLite') return;
    const folder = dirname(place.address.slice('file:'.length));
    const bytes = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'latin1'));
    expect(bytes.join()).toContain('keep-me');
    for (const secret of ['do-not-keep', SECRET, headers['x-signature']]) expect(bytes.join()).not.toContain(secret);
  });
});
