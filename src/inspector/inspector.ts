import type { IncomingMessage, ServerResponse } from 'node:http';
import { toError } from '../errors.js';
import { INSIDE, type RouterInside } from '../observe.js';
import { checkMembers, invalid } from '../option-checks.js';
import type { Awaitable } from '../time.js';
import type { WebhookRouter } from '../webhook-router.js';
import { Diagnoser } from './diagnoser.js';
import { Guard } from './guard.js';
import { History } from './history.js';
import { HistoryStore } from './history-store.js';
import { readJson } from './read-json.js';
import { Recorder } from './recorder.js';
import { download, leadToPage, page, send, text } from './responses.js';
import { type Context, ROUTES } from './routes.js';
import { Streams } from './stream.js';
import { AccessToken } from './token.js';

/** Options of `inspector`. */
export interface InspectorOptions {
  /**
   * The secret that opens the page: 32 to 512 ASCII characters without spaces. Default: 32 random bytes in base64url, new
   * with each start. Set it so that an open page survives a restart, or so that several processes share it.
   */
  readonly token?: string | undefined;
  /**
   * Admits requests that do not carry the token, for example by the session of an administrator. A thrown error means no.
   * The checks of `Host` and `Origin` remain.
   */
  authorize?(req: IncomingMessage): Awaitable<unknown>;
  /**
   * Host names under which the inspector answers, in addition to `localhost`, `127.0.0.1` and `[::1]`; an entry without a
   * port stands for every port. Default: none, so that a foreign name that leads here (DNS rebinding) opens nothing.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Lets the page sign changed bodies and send them to the handlers. Default: requests with the token may, unless `NODE_ENV`
   * is `production`; requests that only `authorize` admits may not.
   */
  readonly allowSending?: boolean | undefined;
  /** The path where the app mounts the inspector, for `url`. Default `/_webhooks`. */
  readonly path?: string | undefined;
  /** Where deliveries come in, for the curl commands of the page. Default `/webhooks/cakemail` at the page's own host. */
  readonly endpoint?: string | undefined;
  /**
   * A SQLite file that keeps deliveries over restarts, with their bodies and without signatures. It needs the package
   * `libsql`, and one process at a time can use it. Default: deliveries are kept in memory only.
   */
  readonly historyFile?: string | undefined;
}

/** Middleware that serves the inspector's page. */
export interface Inspector {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * The path of the page with the token: `/_webhooks/?token=…`. Print it after the address of your server when the program
   * starts, and nowhere else: who has it sees payloads and runs handlers. The browser exchanges the token for a cookie.
   */
  readonly url: string;
  /** Ends the streams of all pages and looks no more. Call it before `server.close()`, which would wait for them. */
  close(): void;
}

const OPTION_NAMES = ['token', 'authorize', 'hosts', 'allowSending', 'path', 'endpoint', 'historyFile'];

const NOT_ADMITTED = `This inspector opens with the URL that its program printed when it started, token included:
it ends in ?token=… (the property \`url\` of inspector()).`;

const PAGE_HEADERS = {
  // The page's own files and nothing else: a payload that becomes markup all the same can load and run nothing.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Not compressed on the way either: compression gathers what a stream sends.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
} as const;

/**
 * Serves a page that shows what a router receives, as it happens, and why it refused what it refused:
 *
 * ```ts
 * const panel = inspector(webhooks);
 * app.use('/_webhooks', panel);
 * app.listen(3000, () => console.log(`Inspector at http://localhost:3000${panel.url}`));
 * ```
 *
 * Every request needs the token of `url`, or `authorize`. The inspector keeps the latest 10,000 requests, 64 MiB at most.
 * Neither keys nor signatures reach the page.
 *
 * @throws {ConfigurationError} when an option cannot be right, or `historyFile` cannot be used.
 */
export function inspector(
  webhooks: Pick<WebhookRouter, 'receive' | 'events'>,
  options: InspectorOptions = {},
): Inspector {
  const inside = (webhooks as { readonly [INSIDE]?: RouterInside } | undefined)?.[INSIDE];
  if (inside === undefined) throw invalid('inspector() needs a router of createWebhookRouter().');
  const { token, guard, allowSending, path: mount, endpoint, historyFile } = readOptions(options);
  const history = new History(historyFile === undefined ? undefined : new HistoryStore(historyFile));
  const recorder = new Recorder(inside, history);
  const streams = new Streams(history);
  const diagnoser = new Diagnoser(inside);
  const context: Context = { inside, history, recorder, diagnoser, endpoint, receive: webhooks.receive };

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) res.setHeader(name, value);
    const refused = guard.refusal(req);
    if (refused !== undefined) return text(res, 403, refused);
    const { pathname, searchParams: query } = new URL(`http://inspector${req.url ?? '/'}`);
    const path = pathname.slice(1);
    const given = path === '' && req.method === 'GET' ? query.get('token') : null;
    if (given !== null && token.matches(given)) return leadToPage(req, res, token);
    const admission = await guard.admit(req);
    if (admission === undefined) return text(res, 403, NOT_ADMITTED);
    if (!path.startsWith('api/')) return page(req, res, path);
    if (path === 'api/stream' && req.method === 'GET') {
      return streams.open(res) ? undefined : text(res, 503, 'The inspector is closed.');
    }
    const [, key] = /^api\/deliveries\/(\d+)\/body$/.exec(path) ?? [];
    const entry = key === undefined ? undefined : history.get(Number(key));
    if (entry !== undefined && req.method === 'GET') return download(res, entry);

    const segments = path.slice('api/'.length).split('/');
    for (const [pattern, route] of Object.entries(ROUTES)) {
      const param = match(pattern, `${req.method}`, segments);
      if (param === undefined) continue;
      const json = req.method === 'POST' ? await readJson(req) : {};
      if (json === undefined) return text(res, 400, 'This is no JSON object, or too large.');
      const answer = await route(context, {
        query,
        param,
        json,
        maySend: allowSending ?? (admission === 'token' && process.env['NODE_ENV'] !== 'production'),
      });
      return typeof answer === 'number'
        ? text(res, answer, `${answer}`)
        : send(res, 200, 'application/json; charset=utf-8', JSON.stringify(answer));
    }
    text(res, 404, 'Not found.');
  }

  function inspect(req: IncomingMessage, res: ServerResponse): void {
    serve(req, res).catch((thrown) => {
      if (!res.headersSent) text(res, 500, toError(thrown).message);
      else res.destroy();
    });
  }

  const panel = Object.assign(inspect, {
    close: () => {
      recorder.stop();
      streams.close();
      history.close();
    },
  });
  // Not enumerable, so that a program that logs its middleware does not log the token.
  return Object.defineProperty(panel, 'url', { value: token.urlBelow(mount) }) as Inspector;
}

function readOptions(options: InspectorOptions) {
  checkMembers('inspector() options', options, OPTION_NAMES);
  const { token, authorize, hosts = [], allowSending, path = '/_webhooks', ...rest } = options;
  const { endpoint = '/webhooks/cakemail', historyFile } = rest;
  if (authorize !== undefined && typeof authorize !== 'function') throw invalid('`authorize` must be a function.');
  if (allowSending !== undefined && typeof allowSending !== 'boolean') {
    throw invalid('`allowSending` must be true or false.');
  }
  for (const [name, value] of Object.entries({ path, endpoint, historyFile })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) throw invalid(`\`${name}\` must be text.`);
  }
  if (!/^\/[^?#]*$/.test(path)) throw invalid('`path` must be a path that starts with a slash.');
  if (!/^(\/|https?:\/\/)/.test(endpoint)) throw invalid('`endpoint` must be a path or an http address.');
  const access = new AccessToken(token);
  return { token: access, guard: new Guard(access, authorize, hosts), allowSending, path, endpoint, historyFile };
}

/** What stands in place of `:`, or '' when there is none; undefined when the pattern is of something else. */
function match(pattern: string, method: string, segments: readonly string[]): string | undefined {
  const [wanted, ...rest] = pattern.split(/[ /]/);
  if (wanted !== method || rest.length !== segments.length) return undefined;
  let param = '';
  for (const [index, expected] of rest.entries()) {
    const segment = segments[index] as string;
    if (expected === ':') param = segment;
    else if (expected !== segment) return undefined;
  }
  return param;
}
