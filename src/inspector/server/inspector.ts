import type { IncomingMessage, ServerResponse } from 'node:http';
import { internalsOf } from '../../internals.js';
import { toError } from '../../shared/error-text.js';
import { invalid, rejectUnknownKeys } from '../../shared/option-checks.js';
import type { Awaitable } from '../../shared/promises.js';
import type { WebhookRouter } from '../../types.js';
import { Diagnoser } from './diagnoser.js';
import { Guard } from './guard.js';
import { History } from './history.js';
import { HistoryStore } from './history-store.js';
import { readJson } from './read-json.js';
import { Recorder } from './recorder.js';
import { redirectToPage, send, sendDownload, sendPage, sendText } from './responses.js';
import { type Context, ROUTES } from './routes.js';
import { Streams } from './stream.js';
import { AccessToken } from './token.js';

/** Options of `inspector`. */
export interface InspectorOptions {
  /**
   * The secret that opens the page: 32 to 512 ASCII characters without spaces. Set it so that an open page survives a
   * restart, or so that several processes share it. Default: 32 random bytes in base64url, new at each start.
   */
  readonly token?: string | undefined;
  /**
   * Admits requests that do not carry the token, for example by the session of an administrator. A thrown error means no.
   * The checks of `Host` and `Origin` remain.
   */
  authorize?(req: IncomingMessage): Awaitable<unknown>;
  /**
   * Host names under which the inspector answers, in addition to `localhost`, `127.0.0.1` and `[::1]`. An entry without a
   * port stands for every port. Default: none, so that a foreign name for this machine (DNS rebinding) opens nothing.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Lets the page sign changed bodies and send them to the handlers. Default: requests with the token may, unless
   * `NODE_ENV` is `production`; requests that only `authorize` admits may not.
   */
  readonly allowSending?: boolean | undefined;
  /** The path where the app mounts the inspector, for `url`. Default `/_webhooks`. */
  readonly path?: string | undefined;
  /** The address that receives deliveries, for the page's curl commands. Default `/webhooks/cakemail` at the page's own host. */
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
   * starts, and nowhere else, because the token gives access to payloads and handlers. The browser exchanges it for a cookie.
   */
  readonly url: string;
  /** Ends the streams of all pages and stops recording. Call it before `server.close()`, which would wait for the streams. */
  close(): void;
}

const OPTION_NAMES = ['token', 'authorize', 'hosts', 'allowSending', 'path', 'endpoint', 'historyFile'];

const NOT_ADMITTED = `This inspector opens with the URL that its program printed when it started, token included:
it ends in ?token=… (the property \`url\` of inspector()).`;

const PAGE_HEADERS = {
  // The page loads its own files only. Should a payload become markup nevertheless, it could not load or run anything.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // `no-transform`, because a proxy that compresses would delay the events of the stream.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
} as const;

/**
 * Serves a page that shows the requests of a router as they arrive, and explains why it refused some of them:
 *
 * ```ts
 * const panel = inspector(webhooks);
 * app.use('/_webhooks', panel);
 * app.listen(3000, () => console.log(`Inspector at http://localhost:3000${panel.url}`));
 * ```
 *
 * Every request needs the token of `url`, or `authorize`. The inspector keeps the latest 10,000 requests, 64 MiB at most.
 * Neither keys nor signatures reach the page or the history file.
 *
 * @throws {ConfigurationError} when an option is not valid, `historyFile` cannot be used or `libsql` is not installed.
 */
export function inspector(
  webhooks: Pick<WebhookRouter, 'receive' | 'lifecycle'>,
  options: InspectorOptions = {},
): Inspector {
  const internals = internalsOf(webhooks);
  if (internals === undefined) throw invalid('inspector() needs a router of createWebhookRouter().');
  const { token, guard, allowSending, path: mount, endpoint, historyFile } = readOptions(options);
  const history = new History(historyFile === undefined ? undefined : new HistoryStore(historyFile));
  const recorder = new Recorder(internals, history);
  const streams = new Streams(history);
  const diagnoser = new Diagnoser(internals);
  const context: Context = { internals, history, recorder, diagnoser, endpoint, receive: webhooks.receive };

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) res.setHeader(name, value);
    const refused = guard.refusal(req);
    if (refused !== undefined) return sendText(res, 403, refused);
    const { pathname, searchParams: query } = new URL(`http://inspector${req.url ?? '/'}`);
    const path = pathname.slice(1);
    const given = path === '' && req.method === 'GET' ? query.get('token') : null;
    if (given !== null && token.matches(given)) return redirectToPage(req, res, token);
    const admission = await guard.admit(req);
    if (admission === undefined) return sendText(res, 403, NOT_ADMITTED);
    if (!path.startsWith('api/')) return sendPage(req, res, path);
    if (path === 'api/stream' && req.method === 'GET') {
      return streams.open(res) ? undefined : sendText(res, 503, 'The inspector is closed.');
    }
    const [, key] = /^api\/deliveries\/(\d+)\/body$/.exec(path) ?? [];
    const entry = key === undefined ? undefined : history.get(Number(key));
    if (entry !== undefined && req.method === 'GET') return sendDownload(res, entry);

    const segments = path.slice('api/'.length).split('/');
    for (const [pattern, route] of Object.entries(ROUTES)) {
      const param = match(pattern, `${req.method}`, segments);
      if (param === undefined) continue;
      const json = req.method === 'POST' ? await readJson(req) : {};
      if (json === undefined) return sendText(res, 400, 'The body is not a JSON object, or it is too large.');
      const response = await route(context, {
        query,
        param,
        json,
        maySend: allowSending ?? (admission === 'token' && process.env['NODE_ENV'] !== 'production'),
      });
      return typeof response === 'number'
        ? sendText(res, response, `${response}`)
        : send(res, 200, 'application/json; charset=utf-8', JSON.stringify(response));
    }
    sendText(res, 404, 'Not found.');
  }

  function inspect(req: IncomingMessage, res: ServerResponse): void {
    serve(req, res).catch((thrown) => {
      if (!res.headersSent) sendText(res, 500, toError(thrown).message);
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
  rejectUnknownKeys('inspector() options', options, OPTION_NAMES);
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

/** Returns the segment that `:` stands for, '' for a pattern without `:`, or undefined when the pattern does not match. */
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
