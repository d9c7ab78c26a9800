import * as z from 'zod';
import type { DedupeStore, RejectionReason, WebhookRouterOptions } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { FORGED, SECRET, SIGNED } from '../helpers/harness.js';
import { closeAll, newPlace, open, SQLITE } from '../helpers/inbox.js';
import { hangUp } from '../helpers/raw-http.js';
import { REJECTIONS } from '../helpers/response-table.js';
import { type Ahead, broken, PRIVATE, type Received, type Sent, TARGETS, type Target } from '../helpers/targets.js';

// The response to each outcome, through every adapter. Other tests do not repeat this table.

afterEach(async () => {
  await hangUp();
  await closeAll();
});

type Response = readonly [status: number, says: string, headers?: Readonly<Record<string, string>>];

interface Row {
  readonly when: string;
  /** The response, or the reason in the `rejected` notice, for which the table has the response. */
  readonly gives: Response | RejectionReason;
  readonly options?: Partial<WebhookRouterOptions>;
  readonly inbox?: 'open' | 'closed';
  readonly ahead?: Ahead;
  /** The signed login unless it is given. */
  readonly send?: Sent | ((target: Target) => Promise<Received>);
  /** Set when the outcome is one of requests, or of bodies that are streams, and not of any body. */
  readonly of?: 'requests' | 'streams';
}

const LOGIN: Sent = SIGNED;
const RIGHT = SIGNED.headers['x-signature'] ?? '';
const WRONG = FORGED['x-signature'];
const schemas = { 'User.LoggedIn': z.null() };

const under = (headers: Record<string, string>): Sent => ({ ...LOGIN, headers });
const twice = (first: string, second: string): Sent => under({ 'x-signature': first, 'X-Signature': second });
const signed = (body: string | Buffer): Sent => ({ ...under({ 'x-signature': sign(body, SECRET) }), body });
const storeOf = (reserve: DedupeStore['reserve']): DedupeStore => ({ reserve, finish: () => {}, release: () => {} });

async function again({ send }: Target): Promise<Received> {
  await send(LOGIN);
  return send(LOGIN);
}

/** Sends the login twice, the second time while the handler of the first runs. */
async function together({ webhooks, send }: Target): Promise<Received> {
  let arrived = 0;
  const both = new Promise<void>((resolve) => webhooks.lifecycle.on('received', () => ++arrived === 2 && resolve()));
  webhooks.on('User.LoggedIn', () => both);
  const [, second] = await Promise.all([send(LOGIN), send(LOGIN)]);
  return second;
}

const afterClosing = ({ webhooks, send }: Target) => webhooks.close().then(() => send(LOGIN));

const ROWS: readonly Row[] = [
  { when: 'a handler succeeds', gives: [200, 'handled'] },
  { when: 'no handler matches', gives: [200, 'unhandled'], send: signed('{"event":"List.Created"}') },
  { when: 'it was handled before', gives: [200, 'duplicate'], send: again },
  { when: 'it is being handled', gives: [200, 'handled'], send: together },
  { when: 'an inbox stores it', gives: [202, 'stored'], inbox: 'open' },
  { when: 'an inbox stored it before', gives: [202, 'duplicate'], inbox: 'open', send: again },
  { when: 'an inbox stores what a schema refuses', gives: [202, 'stored'], inbox: 'open', options: { schemas } },

  { when: 'it is unsigned', gives: 'missing', send: under({}) },
  { when: 'the signature is blank', gives: 'missing', send: under({ 'x-signature': ' ' }) },
  { when: 'the signature is not base64', gives: 'malformed', send: under({ 'x-signature': 'hello' }) },
  { when: 'the right signature is sent twice', gives: 'malformed', send: twice(RIGHT, RIGHT) },
  { when: 'the right signature comes first of two', gives: 'malformed', send: twice(RIGHT, WRONG) },
  { when: 'the right signature comes last of two', gives: 'malformed', send: twice(WRONG, RIGHT) },
  { when: 'a blank signature follows the right one', gives: 'malformed', send: twice(RIGHT, '') },
  { when: 'another key signed it', gives: 'mismatch', send: under(FORGED) },
  {
    when: 'the key of another event signed it',
    gives: 'wrong_key_for_event',
    options: { secret: { 'Email.Sent': SECRET } },
  },
  { when: 'it is older than maxAgeMs', gives: 'too_old', options: { maxAgeMs: 1 } },

  { when: 'it is not UTF-8', gives: 'not_utf8', send: signed(Buffer.of(0xff)) },
  { when: 'it is not JSON', gives: 'not_json', send: signed('{') },
  { when: 'it is empty', gives: 'not_json', send: signed('') },
  { when: 'it is not an object', gives: 'not_object', send: signed('[]') },
  { when: 'it has no event name', gives: 'no_event_name', send: signed('{}') },
  { when: 'a schema refuses it', gives: 'schema_mismatch', options: { schemas } },
  {
    when: 'a schema throws',
    gives: 'schema_failed',
    options: { schemas: { 'User.LoggedIn': z.any().transform(broken) } },
  },

  { when: 'its body is over the limit', gives: 'body_too_large', options: { limit: SIGNED.body.length - 1 } },
  {
    when: 'its body is compressed',
    gives: 'content_encoding',
    send: under({ ...SIGNED.headers, 'content-encoding': 'gzip' }),
    of: 'requests',
  },
  {
    when: 'its body stops in the middle',
    gives: 'body_timeout',
    options: { timeoutMs: { body: 50 } },
    send: { ...LOGIN, end: 'stops' },
    of: 'requests',
  },
  { when: 'its body ends with an error', gives: 'body_aborted', send: { ...LOGIN, end: 'fails' }, of: 'streams' },
  { when: 'another layer has read its body', gives: 'body_consumed', ahead: 'reads', of: 'requests' },
  ...['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
    (method): Row => ({
      when: `its method is ${method}`,
      gives: 'method',
      send: { ...LOGIN, method },
      of: 'requests',
    }),
  ),

  { when: 'a handler throws', gives: [500, 'ERR_HANDLER_FAILED'], send: signed('{"event":"Email.Error"}') },
  {
    when: 'a handler does not finish in time',
    gives: [500, 'ERR_HANDLER_TIMEOUT'],
    options: { timeoutMs: { handler: 50 } },
    send: signed('{"event":"Email.Queued"}'),
  },
  {
    when: 'another process is handling it',
    gives: 'running_elsewhere',
    options: { dedupe: storeOf(() => ({ state: 'running' })) },
  },
  { when: 'the keys cannot be loaded', gives: 'keys_unavailable', options: { secrets: broken } },
  { when: 'the dedupe store fails', gives: 'dedupe_unavailable', options: { dedupe: storeOf(broken) } },
  { when: 'the inbox fails', gives: 'inbox_unavailable', inbox: 'closed' },
  { when: 'the router is closed', gives: 'closing', send: afterClosing },
  { when: 'the request cannot be read', gives: 'internal', ahead: 'breaks', of: 'requests' },
];

test('every reason for a rejection has a row', () => {
  const tested = new Set(ROWS.map(({ gives }) => gives).filter((gives) => typeof gives === 'string'));
  expect([...tested].sort()).toEqual(Object.keys(REJECTIONS).sort());
});

const ORDER = ['bodies', 'requests', 'streams'];

describe.each(TARGETS)('through $name', ({ start, takes }) => {
  const rows = ROWS.filter(({ of = 'bodies' }) => ORDER.indexOf(of) <= ORDER.indexOf(takes)).map((row) => {
    const [status, says, headers] = typeof row.gives === 'string' ? REJECTIONS[row.gives] : row.gives;
    return { row, when: row.when, expected: { status, says, headers } };
  });

  test.each(rows)('the response is $expected.status $expected.says when $when', async ({ row, expected }) => {
    const { gives, options, inbox: inboxState, ahead, send = LOGIN } = row;
    const inbox = inboxState && (await open(await newPlace(SQLITE)));
    if (inboxState === 'closed') await inbox?.close();
    const target = await start({ logger: {}, ...(inbox && { inbox, worker: false }), ...options }, ahead);
    const reasons: RejectionReason[] = [];
    target.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
    target.webhooks.on('User.LoggedIn', () => {});
    target.webhooks.on('Email.Error', broken);
    target.webhooks.on('Email.Queued', () => new Promise(() => {}));

    const { status, headers, text } = await (typeof send === 'function' ? send(target) : target.send(send));

    expect(status).toBe(expected.status);
    expect(reasons).toEqual(typeof gives === 'string' ? [gives] : []);
    expect(headers).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'content-length': expect.stringMatching(/^\d+$/),
      ...expected.headers,
    });
    expect(text).not.toContain(PRIVATE);
    // Node sends no body in response to HEAD.
    if (text === '' && typeof send === 'object' && send.method === 'HEAD') return;
    expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
    const error = { code: expected.says, message: expect.stringMatching(/^[A-Z].+\.$/) };
    expect(JSON.parse(text)).toEqual(expected.says.startsWith('ERR_') ? { error } : { status: expected.says });
  });
});
