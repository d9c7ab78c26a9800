import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import request from 'supertest';
import type { Inbox } from '../../../src/inbox/index.js';
import { type CakemailEvent, type Delivery, PermanentError } from '../../../src/index.js';
import { signedRequest } from '../../../src/testing/index.js';
import { createApp, PATH, SECRET } from '../../helpers/harness.js';
import {
  closeAll,
  drained,
  LOGIN,
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

  test('a delivery is stored, answered 202 and then handled', async () => {
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

  test('the exact bytes and the time of receipt are stored', async () => {
    const webhooks = routerOn(inbox, { worker: false });
    const body = '{ "event":"Unknown.Event",\n"data" : {"a":"\\u0000 é \u2028 😀","n":1.50,"b":9007199254740993} }';
    const before = Date.now();
    const outcome = await send(webhooks, body);
    if (outcome.kind !== 'stored') throw new Error(outcome.kind);
    const stored = await inbox.get(outcome.delivery.id);
    expect(stored?.rawBody.equals(Buffer.from(body))).toBe(true);
    expect(stored).toMatchObject({ state: 'waiting', attempts: 0, event: 'Unknown.Event' });
    expect(stored?.receivedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(stored?.receivedAt.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test('large bodies are stored, and so are event names, headers and errors with unusual characters', async () => {
    const webhooks = routerOn(inbox, { limit: 1_000_000 });
    const name = 'A\0B\ud800.C';
    const seen: unknown[] = [];
    webhooks.onAny((event, { headers }) => {
      seen.push(event.event, headers['x-unusual']);
      throw new PermanentError('\0\udfff it went wrong');
    });
    const died = next(webhooks, 'dead');
    const payload = JSON.stringify({ event: name, data: { pad: '😀'.repeat(100_000) } });
    const { headers } = signedRequest(payload, { secret: SECRET });
    await webhooks.receive({ rawBody: payload, headers: { ...headers, 'x-unusual': ['\xe9', '\0'] } });
    await died;
    expect(seen).toEqual([name, ['\xe9', '\0']]);
    const [letter] = await inbox.list({ event: 'A\ufffdB\ufffd.C' });
    expect(letter).toMatchObject({ state: 'dead', error: '\ufffd\ufffd it went wrong' });
    expect((await inbox.get(letter?.id ?? ''))?.rawBody.equals(Buffer.from(payload))).toBe(true);
  });

  test('18. keys, signatures and credentials are not stored', async () => {
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

  test('a body that is not an event and a forged delivery are not stored', async () => {
    const webhooks = routerOn(inbox);
    expect(await send(webhooks, 'not JSON')).toMatchObject({ status: 400 });
    const { body } = signedRequest(LOGIN, { secret: SECRET });
    const forged = signedRequest(LOGIN, { secret: 'another key' });
    expect(await webhooks.receive({ rawBody: body, headers: forged.headers })).toMatchObject({ status: 403 });
    expect(await inbox.list()).toEqual([]);
  });

  test('a delivery that cannot be stored is answered 503', async () => {
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

  test('bytes that are stored already are a duplicate, whether they wait or were handled', async () => {
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

  test('bytes that two processes receive many times at once are stored and handled once', async () => {
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

  test('a handled delivery is forgotten after `keepMs`, and its bytes then count as new', async () => {
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

  test('the age of a forgotten delivery that is received again counts from the second receipt', async () => {
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
});
