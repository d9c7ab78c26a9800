import type { IncomingMessage, ServerResponse } from 'node:http';
import { toError } from '../errors.js';
import { INSIDE, type RouterInside } from '../observe.js';
import { checkMembers, invalid } from '../option-checks.js';
import type { Awaitable } from '../time.js';
import type { WebhookRouter } from '../webhook-router.js';
import { download, page, send, text } from './answers.js';
import { isLocal, refusal } from './guard.js';
import { History } from './history.js';
import { HistoryFile } from './history-file.js';
import { readJson } from './posted.js';
import { Recorder } from './recorder.js';
import { type Context, ROUTES } from './routes.js';
import { Streams } from './stream.js';

/** Options of `inspector`. */
export interface InspectorOptions {
  /**
   * Says whether a request may look; what it throws means no. Left out, only requests from this machine may, and those only
   * under a name of its own (`localhost`, `127.0.0.1`, `[::1]`), and none that a proxy or a tunnel says to have passed on
   * (`X-Forwarded-For` and the like). One that says nothing and rewrites the Host makes everybody local: give this function.
   */
  authorize?(req: IncomingMessage): Awaitable<unknown>;
  /** Where deliveries come in, for the curl commands of the page. Default `/webhooks/cakemail` at the page's own host. */
  readonly endpoint?: string | undefined;
  /** A file that remembers deliveries over restarts, with their bodies and without signatures. Default: memory only. */
  readonly historyFile?: string | undefined;
}

/** Middleware that serves the inspector's page. */
export interface Inspector {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;
  /** Ends the streams of all pages and looks no more. Call it before `server.close()`, which would wait for them. */
  close(): void;
}

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
 * A page that shows what a router receives, as it happens, and why it refused what it refused:
 *
 * ```ts
 * app.use('/_webhooks', inspector(webhooks));
 * ```
 *
 * It keeps the latest 10,000 requests, 64 MiB of bodies at most. Neither keys nor signatures reach the page.
 *
 * @throws {ConfigurationError} when an option cannot be right, or `historyFile` cannot be used.
 */
export function inspector(
  webhooks: Pick<WebhookRouter, 'receive' | 'events'>,
  options: InspectorOptions = {},
): Inspector {
  const inside = (webhooks as { readonly [INSIDE]?: RouterInside } | undefined)?.[INSIDE];
  if (inside === undefined) throw invalid('inspector() needs a router of createWebhookRouter().');
  checkMembers('inspector() options', options, ['authorize', 'endpoint', 'historyFile']);
  const { authorize, endpoint = '/webhooks/cakemail', historyFile } = options;
  if (authorize !== undefined && typeof authorize !== 'function') throw invalid('`authorize` must be a function.');
  for (const [name, value] of Object.entries({ endpoint, historyFile })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) throw invalid(`\`${name}\` must be text.`);
  }
  if (!/^(\/|https?:\/\/)/.test(endpoint)) throw invalid('`endpoint` must be a path or an http address.');

  const history = new History(historyFile === undefined ? undefined : new HistoryFile(historyFile));
  const recorder = new Recorder(inside, history);
  const streams = new Streams(history);
  const context: Context = { inside, history, recorder, endpoint, receive: webhooks.receive };

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) res.setHeader(name, value);
    const refused = await refusal(req, { ...(authorize && { authorize }) });
    if (refused !== undefined) return text(res, 403, refused);
    const { pathname, searchParams: query } = new URL(`http://inspector${req.url ?? '/'}`);
    const path = pathname.slice(1);
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
      const answer = await route(context, { query, param, json, isLocal: isLocal(req) });
      return typeof answer === 'number'
        ? text(res, answer, `${answer}`)
        : send(res, 200, 'application/json; charset=utf-8', JSON.stringify(answer));
    }
    text(res, 404, 'There is nothing here.');
  }

  function inspect(req: IncomingMessage, res: ServerResponse): void {
    serve(req, res).catch((thrown) => {
      if (!res.headersSent) text(res, 500, toError(thrown).message);
      else res.destroy();
    });
  }

  return Object.assign(inspect, {
    close: () => {
      recorder.stop();
      streams.close();
      history.close();
    },
  });
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
