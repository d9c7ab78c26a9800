import * as z from 'zod';
import type { DedupeStore, RejectionReason, WebhookRouterOptions } from '../../src/index.js';
import { sign } from '../../src/testing/index.js';
import { FORGED, SECRET, SIGNED } from '../helpers/harness.js';
import { closeAll, newPlace, open, SQLITE } from '../helpers/inbox.js';
import { hangUp } from '../helpers/raw-http.js';
import { type Ahead, broken, PRIVATE, type Received, type Sent, TARGETS, type Target } from '../helpers/targets.js';
import type { Equal } from '../types/assert.js';

// The response to each outcome, through every adapter. Other tests do not repeat this table.

afterEach(async () => {
  await hangUp();
  await closeAll();
});

interface Row {
  readonly when: string;
  readonly status: number;
  /** The status or the error code that the body holds. */
  readonly says: string;
  /** The headers in addition to `content-type` and `content-length`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The reason in the `rejected` notice. */
  readonly reason?: RejectionReason;
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

const FORBIDDEN = { status: 403, says: 'ERR_SIGNATURE' };
const BAD = { status: 400, says: 'ERR_PAYLOAD' };
const UNAVAILABLE = { status: 503, headers: { 'retry-after': '5' } };

const ROWS = [
  { when: 'a handler succeeds', status: 200, says: 'handled' },
  { when: 'no handler matches', status: 200, says: 'unhandled', send: signed('{"event":"List.Created"}') },
  { when: 'it was handled before', status: 200, says: 'duplicate', send: again },
  { when: 'it is being handled', status: 200, says: 'handled', send: together },
  { when: 'an inbox stores it', status: 202, says: 'stored', inbox: 'open' },
  { when: 'an inbox stored it before', status: 202, says: 'duplicate', inbox: 'open', send: again },
  { when: 'an inbox stores what a schema refuses', status: 202, says: 'stored', inbox: 'open', options: { schemas } },

  { when: 'it is unsigned', ...FORBIDDEN, reason: 'missing', send: under({}) },
  { when: 'the signature is blank', ...FORBIDDEN, reason: 'missing', send: under({ 'x-signature': ' ' }) },
  { when: 'the signature is not base64', ...FORBIDDEN, reason: 'malformed', send: under({ 'x-signature': 'hello' }) },
  { when: 'the right signature is sent twice', ...FORBIDDEN, reason: 'malformed', send: twice(RIGHT, RIGHT) },
  { when: 'the right signature comes first of two', ...FORBIDDEN, reason: 'malformed', send: twice(RIGHT, WRONG) },
  { when: 'the right signature comes last of two', ...FORBIDDEN, reason: 'malformed', send: twice(WRONG, RIGHT) },
  { when: 'another key signed it', ...FORBIDDEN, reason: 'mismatch', send: under(FORGED) },
  {
    when: 'the key of another event signed it',
    ...FORBIDDEN,
    reason: 'wrong_key_for_event',
    options: { secret: { 'Email.Sent': SECRET } },
  },
  { when: 'it is older than maxAgeMs', ...FORBIDDEN, reason: 'too_old', options: { maxAgeMs: 1 } },

  { when: 'it is not UTF-8', ...BAD, reason: 'not_utf8', send: signed(Buffer.of(0xff)) },
  { when: 'it is not JSON', ...BAD, reason: 'not_json', send: signed('{') },
  { when: 'it is empty', ...BAD, reason: 'not_json', send: signed('') },
  { when: 'it is not an object', ...BAD, reason: 'not_object', send: signed('[]') },
  { when: 'it has no event name', ...BAD, reason: 'no_event_name', send: signed('{}') },
  {
    when: 'a schema refuses it',
    status: 422,
    says: 'ERR_SCHEMA_MISMATCH',
    reason: 'schema_mismatch',
    options: { schemas },
  },
  {
    when: 'a schema throws',
    status: 500,
    says: 'ERR_SCHEMA_FAILED',
    reason: 'schema_failed',
    options: { schemas: { 'User.LoggedIn': z.any().transform(broken) } },
  },

  {
    when: 'its body is over the limit',
    status: 413,
    says: 'ERR_BODY_TOO_LARGE',
    reason: 'body_too_large',
    options: { limit: SIGNED.body.length - 1 },
  },
  {
    when: 'its body is compressed',
    status: 415,
    says: 'ERR_CONTENT_ENCODING',
    reason: 'content_encoding',
    send: under({ ...SIGNED.headers, 'content-encoding': 'gzip' }),
    of: 'requests',
  },
  {
    when: 'its body stops in the middle',
    status: 408,
    says: 'ERR_BODY_TIMEOUT',
    reason: 'body_timeout',
    options: { timeoutMs: { body: 50 } },
    send: { ...LOGIN, end: 'stops' },
    of: 'requests',
  },
  {
    when: 'its body ends with an error',
    status: 400,
    says: 'ERR_BODY_ABORTED',
    reason: 'body_aborted',
    send: { ...LOGIN, end: 'fails' },
    of: 'streams',
  },
  {
    when: 'another layer has read its body',
    status: 500,
    says: 'ERR_BODY_CONSUMED',
    reason: 'body_consumed',
    ahead: 'reads',
    of: 'requests',
  },
  ...(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const).map((method) => ({
    when: `its method is ${method}`,
    status: 405,
    says: 'ERR_METHOD',
    headers: { allow: 'POST' },
    reason: 'method' as const,
    send: { ...LOGIN, method },
    of: 'requests' as const,
  })),

  { when: 'a handler throws', status: 500, says: 'ERR_HANDLER_FAILED', send: signed('{"event":"Email.Error"}') },
  {
    when: 'a handler does not finish in time',
    status: 500,
    says: 'ERR_HANDLER_TIMEOUT',
    options: { timeoutMs: { handler: 50 } },
    send: signed('{"event":"Email.Queued"}'),
  },
  {
    when: 'another process is handling it',
    status: 409,
    says: 'ERR_DELIVERY_RUNNING',
    headers: { 'retry-after': '5' },
    reason: 'running_elsewhere',
    options: { dedupe: storeOf(() => ({ state: 'running' })) },
  },
  {
    when: 'the keys cannot be loaded',
    ...UNAVAILABLE,
    says: 'ERR_KEYS_UNAVAILABLE',
    reason: 'keys_unavailable',
    options: { secrets: broken },
  },
  {
    when: 'the dedupe store fails',
    ...UNAVAILABLE,
    says: 'ERR_DEDUPE_UNAVAILABLE',
    reason: 'dedupe_unavailable',
    options: { dedupe: storeOf(broken) },
  },
  {
    when: 'the inbox fails',
    ...UNAVAILABLE,
    says: 'ERR_INBOX_UNAVAILABLE',
    reason: 'inbox_unavailable',
    inbox: 'closed',
  },
  { when: 'the router is closed', ...UNAVAILABLE, says: 'ERR_CLOSING', reason: 'closing', send: afterClosing },
  {
    when: 'the request cannot be read',
    status: 500,
    says: 'ERR_INTERNAL',
    reason: 'internal',
    ahead: 'breaks',
    of: 'requests',
  },
] as const satisfies readonly Row[];

type Tested = Extract<(typeof ROWS)[number], { readonly reason: string }>['reason'];

test('every reason for a rejection has a row', () => {
  const isEvery: Equal<Tested, RejectionReason> = true; // does not compile otherwise
  expect(isEvery).toBe(true);
});

const ORDER = ['bodies', 'requests', 'streams'];

describe.each(TARGETS)('through $name', ({ start, takes }) => {
  const rows = (ROWS as readonly Row[]).filter(({ of = 'bodies' }) => ORDER.indexOf(of) <= ORDER.indexOf(takes));

  test.each(rows)('the response is $status when $when', async ({ says, options, ahead, send = LOGIN, ...row }) => {
    const inbox = row.inbox && (await open(await newPlace(SQLITE)));
    if (row.inbox === 'closed') await inbox?.close();
    const target = await start({ logger: {}, ...(inbox && { inbox, worker: false }), ...options }, ahead);
    const reasons: RejectionReason[] = [];
    target.webhooks.lifecycle.on('rejected', ({ reason }) => reasons.push(reason));
    target.webhooks.on('User.LoggedIn', () => {});
    target.webhooks.on('Email.Error', broken);
    target.webhooks.on('Email.Queued', () => new Promise(() => {}));

    const { status, headers, text } = await (typeof send === 'function' ? send(target) : target.send(send));

    expect(status).toBe(row.status);
    expect(reasons).toEqual(row.reason === undefined ? [] : [row.reason]);
    expect(headers).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'content-length': expect.stringMatching(/^\d+$/),
      ...row.headers,
    });
    expect(text).not.toContain(PRIVATE);
    // Node sends no body in response to HEAD.
    if (text === '' && typeof send === 'object' && send.method === 'HEAD') return;
    expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
    const error = { code: says, message: expect.stringMatching(/^[A-Z].+\.$/) };
    expect(JSON.parse(text)).toEqual(says.startsWith('ERR_') ? { error } : { status: says });
  });
});
