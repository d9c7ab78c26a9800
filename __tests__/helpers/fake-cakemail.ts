import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type SampleOverrides, sampleEvent, signedRequest } from '../../src/testing/index.js';
import { violationsOf } from './openapi.js';

/** A webhook as the API has it. */
interface Stored {
  readonly id: string;
  readonly event: string;
  readonly key: string;
  url: string;
  status: string;
  archived_at?: number;
  rate_limit: number;
  rate_limit_period: 'second' | 'minute';
}

/**
 * What goes wrong with one call. `drop` breaks the connection before anything is done, `dropAfter` once it is done,
 * `cutAfter` once it is done and the status is on its way.
 */
export type Fault =
  | 'drop'
  | 'dropAfter'
  | 'cutAfter'
  | 'hang'
  | 'repeatPage'
  | 'nonsense'
  | { status: number; retryAfter?: string; date?: string }
  | Changed
  | Answering;

/** Carries the call out, and answers with something else than the document says: JSON, or the text itself. */
export interface Changed {
  readonly change: (answer: unknown) => unknown;
}

/** Answers with what nothing has checked. */
export type Answering = (asked: { query: URLSearchParams; authorization: string; body: string }) => Answer;

interface Planned {
  readonly operation: RegExp;
  readonly fault: Fault;
}

export const USER = { username: 'somebody@example.com', password: 'hunter2-the-password' };
/** Of the documented form, and no token of anybody's. */
export const TOKEN = `ck_pat_${'0123456789'.repeat(4)}`;

/** Cakemail's API, as far as its OpenAPI document tells, in memory behind a real server. */
export class FakeCakemail {
  readonly webhooks = new Map<string, Stored>();
  /** Every call, as in `GET /webhooks`. */
  readonly calls: string[] = [];
  /** What the vendor's document does not allow. */
  readonly violations: string[] = [];
  /** Every secret that it has given or taken: none may be seen anywhere. */
  readonly secrets = new Set<string>([TOKEN, USER.password]);
  /** The `user-agent` of every call. */
  readonly agents: (string | undefined)[] = [];
  /** When each call came, by `performance.now()`. */
  readonly times: number[] = [];
  /** `200`: as the response of the document says; `401`: as its description says. */
  asksForSecondFactor: false | 200 | 401 = false;
  /** The prefix of ids. */
  prefix = 'wh-';
  /** How many listings do not show a webhook that was just created. */
  lag = 0;
  /** How many calls for a webhook by its id answer 404 after it was created. */
  showLag = 0;
  /** Changes the webhooks in answers in a way that the document does not allow. */
  present: ((webhook: Omit<Stored, 'key'>) => unknown) | undefined;
  /** What happens once a call is carried out, while its answer is on its way. */
  meanwhile: (operation: string) => Promise<unknown> = async () => {};
  readonly #tokens = new Set([TOKEN]);
  readonly #refreshTokens = new Set<string>();
  #faults: Planned[] = [];
  #count = 0;
  readonly #unlisted = new Map<string, number>();
  readonly #unshown = new Map<string, number>();
  readonly #server = createServer((req, res) => void this.#serve(req, res));

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The next calls of this operation, as in `GET /webhooks?page=2`, go wrong, one by one. */
  fail(operation: RegExp, ...faults: Fault[]): void {
    this.#faults.push(...faults.map((fault) => ({ operation, fault })));
  }

  /** No token that was given until now is taken any more. */
  expireTokens({ refreshToo = false } = {}): void {
    this.#tokens.clear();
    if (refreshToo) this.#refreshTokens.clear();
  }

  add(event: string, url: string, more: Partial<Stored> = {}): Stored {
    const key = randomBytes(24).toString('base64');
    this.secrets.add(key);
    const id = `${this.prefix}${++this.#count}`;
    const defaults = { status: 'active', rate_limit: 50, rate_limit_period: 'second' } as const;
    const webhook: Stored = { id, event, url, key, ...defaults, ...more };
    this.webhooks.set(id, webhook);
    return webhook;
  }

  active(url: string): string[] {
    return [...this.webhooks.values()]
      .filter((each) => each.url === url && each.status === 'active')
      .map(({ event }) => event);
  }

  /** Delivers an event to every active webhook for it, and resolves to how that was answered. */
  deliver(name: string, overrides: SampleOverrides<'User.LoggedIn'> = {}): Promise<number[]> {
    const payload = { ...sampleEvent('User.LoggedIn', overrides), event: name };
    const targets = [...this.webhooks.values()].filter(({ event, status }) => event === name && status === 'active');
    return Promise.all(
      targets.map(async ({ url, key }) => {
        const { body, headers } = signedRequest(payload, { secret: key });
        return (await fetch(url, { method: 'POST', body, headers })).status;
      }),
    );
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(req.url ?? '', this.baseUrl);
    const method = req.method ?? '';
    const operation = `${method} ${path}`;
    this.calls.push(operation);
    this.times.push(performance.now());
    this.agents.push(req.headers['user-agent']);
    const type = req.headers['content-type']?.split(';')[0];
    const sent = await text(req);
    const body = parse(type, sent);
    const index = this.#faults.findIndex((each) => each.operation.test(`${method} ${req.url}`));
    const [planned] = index < 0 ? [] : this.#faults.splice(index, 1);
    const fault = planned?.fault;
    if (fault === 'hang') return;
    if (fault === 'drop') return void req.socket.destroy();
    if (typeof fault === 'function') {
      const { status, answer } = fault({ query, authorization: req.headers.authorization ?? '', body: sent });
      return reply(res, status, answer);
    }
    if (typeof fault === 'object' && 'status' in fault) {
      if (fault.retryAfter !== undefined) res.setHeader('retry-after', fault.retryAfter);
      if (fault.date !== undefined) res.setHeader('date', fault.date);
      return reply(res, fault.status, { detail: [{ msg: 'not now' }] });
    }
    if (fault === 'nonsense') return reply(res, 200, { hello: 'world' });
    if (fault === 'repeatPage') query.set('page', String(Number(query.get('page')) - 1));
    const isAllowed = path === '/token' || this.#tokens.has(req.headers.authorization?.replace('Bearer ', '') ?? '');
    const { status, answer } = isAllowed
      ? this.#answer(method, path, query, body as Body)
      : { status: 401, answer: failure(`token ${req.headers.authorization} is over`) };
    await this.meanwhile(operation);
    if (this.present === undefined)
      this.violations.push(...violationsOf({ method, path, query, type, body, status, answer }));
    if (fault === 'dropAfter') return void req.socket.destroy();
    if (fault === 'cutAfter') {
      res.writeHead(status, { 'content-length': 100 }).write('{');
      return void setImmediate(() => req.socket.destroy());
    }
    if (typeof fault === 'object') {
      const changed = fault.change(answer);
      if (typeof changed === 'string') return void res.writeHead(status).end(changed);
      return reply(res, status, changed);
    }
    reply(res, status, answer);
  }

  #answer(method: string, path: string, query: URLSearchParams, body: Body): Answer {
    if (path === '/token') return this.#token(body);
    if (path === '/webhooks') return method === 'POST' ? this.#create(body) : this.#list(query);
    const [, , id = '', change] = path.split('/');
    const webhook = this.webhooks.get(decodeURIComponent(id));
    if (webhook === undefined) return { status: 400, answer: failure('no such webhook', 'path', 'webhook_id') };
    if (method === 'GET' && countDown(this.#unshown, webhook.id)) return { status: 404, answer: failure('not yet') };
    if (method === 'PATCH') Object.assign(webhook, body);
    if (change === 'archive')
      Object.assign(webhook, { status: 'archived', archived_at: Math.floor(Date.now() / 1000) });
    if (change === 'unarchive') {
      webhook.status = 'active';
      delete webhook.archived_at;
    }
    const { key } = webhook;
    const data = this.#shown(webhook);
    if (method === 'GET') return { status: 200, answer: { id, signature: { key, hash_function: 'sha256' }, data } };
    return { status: 200, answer: { id, data } };
  }

  #create({ event, url, rate_limit = 50, rate_limit_period = 'second' }: Body): Answer {
    const webhook = this.add(event, url, { rate_limit, rate_limit_period });
    this.#unlisted.set(webhook.id, this.lag);
    this.#unshown.set(webhook.id, this.showLag);
    return { status: 201, answer: { id: webhook.id, data: this.#shown(webhook) } };
  }

  #list(query: URLSearchParams): Answer {
    const page = Number(query.get('page') ?? 1);
    const per_page = Number(query.get('per_page') ?? 50);
    const withArchived = query.get('with_archived') === 'true';
    const all = [...this.webhooks.values()]
      .filter(({ status, id }) => !countDown(this.#unlisted, id) && (withArchived || status !== 'archived'))
      .map((webhook) => this.#shown(webhook));
    return {
      status: 200,
      answer: { pagination: { page, per_page }, data: all.slice((page - 1) * per_page, page * per_page) },
    };
  }

  #shown({ key: _key, ...webhook }: Stored): unknown {
    return this.present === undefined ? webhook : this.present(webhook);
  }

  #token({ grant_type, username, password, refresh_token }: Body): Answer {
    const isUser = username === USER.username && password === USER.password;
    const isAllowed = grant_type === 'refresh_token' ? this.#refreshTokens.has(refresh_token) : isUser;
    if (!isAllowed) return { status: 401, answer: failure(`refused: ${password ?? refresh_token}`) };
    if (this.asksForSecondFactor === 401) {
      return { status: 401, answer: { ...failure('a second factor is needed'), challenge: 'a challenge' } };
    }
    if (this.asksForSecondFactor) return { status: 200, answer: { challenge: 'a challenge' } };
    const [access, refresh] = [randomBytes(20).toString('hex'), randomBytes(20).toString('hex')];
    this.#tokens.add(access);
    this.#refreshTokens.add(refresh);
    for (const secret of [access, refresh]) this.secrets.add(secret);
    const answer = {
      access_token: access,
      refresh_token: refresh,
      token_type: 'bearer',
      expires_in: 3600,
      accounts: [1],
    };
    return { status: 200, answer };
  }
}

/** What any of the calls may carry. */
interface Body extends Pick<Stored, 'event' | 'url'>, Partial<Pick<Stored, 'rate_limit' | 'rate_limit_period'>> {
  readonly grant_type: string;
  readonly username: string;
  readonly password: string;
  readonly refresh_token: string;
}

interface Answer {
  readonly status: number;
  readonly answer: unknown;
}

/** Counts down, and returns true while something was left. */
function countDown(counts: Map<string, number>, id: string): boolean {
  const left = counts.get(id) ?? 0;
  counts.set(id, left - 1);
  return left > 0;
}

function failure(msg: string, ...loc: string[]) {
  return { detail: [{ loc, msg, type: 'bad_request' }] };
}

function parse(type: string | undefined, body: string): unknown {
  if (type === 'application/json') return JSON.parse(body);
  if (type !== 'application/x-www-form-urlencoded') return undefined;
  return Object.fromEntries(
    [...new URLSearchParams(body)].map(([name, value]) => [name, name === 'account_id' ? Number(value) : value]),
  );
}

function reply(res: ServerResponse, status: number, answer: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}
