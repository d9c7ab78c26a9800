import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type SampleOverrides, sampleEvent, signedRequest } from '../../src/testing/index.js';
import { type Answer, type Credentials, FakeTokens, failure, TOKEN, USER } from './fake-tokens.js';
import { violationsOf } from './openapi.js';

export { TOKEN, USER };

/** A webhook as the API stores it. */
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
 * The way in which one call fails. `drop` breaks the connection before the call is carried out, `dropAfter` breaks it
 * afterwards, and `cutAfter` breaks it after the call was carried out and its status was sent.
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

/** Carries the call out, and sends an answer that the document does not describe: JSON, or the text as it is. */
interface Changed {
  readonly change: (answer: unknown) => unknown;
}

/** Makes an answer that is not checked against the document. */
export type Answering = (asked: { query: URLSearchParams; authorization: string; body: string }) => Answer;

interface Planned {
  readonly operation: RegExp;
  readonly fault: Fault;
}

/** Cakemail's API as its OpenAPI document describes it, in memory behind a real server. */
export class FakeCakemail {
  readonly webhooks = new Map<string, Stored>();
  /** Every call, as in `GET /webhooks`. */
  readonly calls: string[] = [];
  /** Requests and answers that the vendor's document does not allow. */
  readonly violations: string[] = [];
  /** Every secret that it issued or accepts. Tests search everything that is written for these. */
  readonly secrets = new Set<string>([TOKEN, USER.password]);
  /** The `user-agent` of every call. */
  readonly agents: (string | undefined)[] = [];
  /** When each call came, by `performance.now()`. */
  readonly times: number[] = [];
  readonly tokens = new FakeTokens(this.secrets);
  /** The prefix of ids. */
  prefix = 'wh-';
  /** The number of listings that do not show a webhook after it was created. */
  lag = 0;
  /** The number of calls for a webhook by its id that answer 404 after it was created. */
  showLag = 0;
  /** Changes the webhooks in answers in a way that the document does not allow. */
  present: ((webhook: Omit<Stored, 'key'>) => unknown) | undefined;
  /** Runs after a call was carried out and before its answer is sent. */
  meanwhile: (operation: string) => Promise<unknown> = async () => {};
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

  /** Makes the next calls of this operation, as in `GET /webhooks?page=2`, fail, each in one of these ways. */
  fail(operation: RegExp, ...faults: Fault[]): void {
    this.#faults.push(...faults.map((fault) => ({ operation, fault })));
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
    const isAllowed = path === '/token' || this.tokens.isValid(req.headers.authorization);
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
    if (path === '/token') return this.tokens.issue(body);
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
}

/** The members that the body of any call may carry. */
type Body = Credentials & Pick<Stored, 'event' | 'url'> & Partial<Pick<Stored, 'rate_limit' | 'rate_limit_period'>>;

/** Counts down, and returns true until the count was 0. */
function countDown(counts: Map<string, number>, id: string): boolean {
  const left = counts.get(id) ?? 0;
  counts.set(id, left - 1);
  return left > 0;
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
