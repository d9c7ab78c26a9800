import { once } from 'node:events';
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http';
import express from 'express';
import supertest, { type Response } from 'supertest';
import { createWebhookRouter, type Logger, type WebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import type { Inspector, InspectorOptions } from '../../src/inspector/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { type Listening, listen, PATH } from './raw-http.js';

// The one place that starts an app with a router: `createApp` for supertest, `startApp` and `startInspectedApp` on a port.

export { PATH };
export const SECRET = 'a-key-used-only-in-tests';

/** A signed request, and the headers of a forgery of it. */
export const SIGNED = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
export const FORGED = { ...SIGNED.headers, 'x-signature': sign(SIGNED.body, 'another key') };

export interface TestApp {
  readonly app: express.Express;
  /** The listener to serve: the app itself, unless an adapter wraps it. */
  readonly listener: RequestListener;
  readonly webhooks: WebhookRouter;
  /** Sends a payload (an event name, an object, or the exact text) correctly signed. */
  deliver(payload: string | object, secret?: string): Promise<Response>;
  /** Sends exact text or bytes under exactly these headers. */
  post(body: string | Buffer, headers?: Record<string, string>): Promise<Response>;
}

/** A middleware that needs nothing of Express. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Makes the listener that reaches the router, from an app that is still empty and the middlewares that run first. */
export type Adapter = (
  webhooks: WebhookRouter,
  app: express.Express,
  before: readonly express.RequestHandler[],
) => RequestListener;

export interface Mount {
  /** Middlewares that run ahead of the router. */
  readonly before?: readonly express.RequestHandler[];
  readonly framework?: typeof express;
  readonly adapter?: Adapter;
}

const mounted: Adapter = (webhooks, app, before) => {
  for (const middleware of before) app.use(middleware);
  return app.use(PATH, webhooks);
};

/** An Express app with the router mounted, or reached through another adapter. Each request gets a port of its own. */
export function createApp(
  options: Partial<WebhookRouterOptions> = {},
  { before = [], framework = express, adapter = mounted }: Mount = {},
): TestApp {
  const webhooks = createWebhookRouter(
    options.secrets || 'secret' in options ? options : { secret: SECRET, ...options },
  );
  const app = framework();
  const listener = adapter(webhooks, app, before);

  async function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
    const sent = supertest(listener).post(PATH).set('content-type', 'application/json').set(headers);
    // superagent would turn a Buffer into JSON, but the tests need the exact bytes.
    return sent.serialize((bytes: unknown) => bytes as string).send(body);
  }

  function deliver(payload: string | object, secret: string = SECRET): Promise<Response> {
    const signed = signedRequest(
      typeof payload === 'string' && isName(payload) ? sampleEvent(payload as never) : payload,
      { secret },
    );
    return post(signed.body, signed.headers);
  }

  return { app, listener, webhooks, deliver, post };
}

function isName(text: string): boolean {
  return /^[\w]+\.[\w]+$/.test(text);
}

/** Serves an app on one port, until `hangUp()`. */
export async function startApp<A extends TestApp>(app: A): Promise<A & Listening> {
  return { ...app, ...(await listen(app.listener)) };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test knows to be there
  readonly json: any;
}

/** An app with an inspector at `/_webhooks`, on a port of this machine. */
export interface InspectedApp extends TestApp {
  readonly base: string;
  readonly panel: Inspector;
  /** Asks the inspector, with the cookie unless other headers replace it; POSTs when there is something to post. */
  ask(path: string, options?: { json?: unknown; method?: string; headers?: Record<string, string> }): Promise<Answer>;
  /** The deliveries that the stream lists at first. */
  listed(): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

interface InspectedMount {
  readonly panel?: InspectorOptions;
  readonly host?: string;
  readonly before?: readonly express.RequestHandler[];
}

export async function startInspectedApp(
  options: Partial<WebhookRouterOptions> = {},
  { panel: panelOptions = {}, host = '127.0.0.1', before = [] }: InspectedMount = {},
): Promise<InspectedApp> {
  const { inspector } = await import('../../src/inspector/index.js');
  const app = createApp({ logger: {}, ...options });
  const panel = inspector(app.webhooks, panelOptions);
  const outer = express();
  for (const middleware of before) outer.use(middleware);
  const { port, close } = await listen(outer.use('/_webhooks', panel).use(app.app), undefined, host);

  const session = await sessionOf(port, host, panel.url);
  const ask: InspectedApp['ask'] = (
    path,
    { json, method = json === undefined ? 'GET' : 'POST', headers = {} } = {},
  ) => {
    const content = json === undefined ? {} : { 'content-type': 'application/json' };
    const cookie = cookieFor(headers['host'] ?? `${host}:${port}`, session);
    const all = { ...content, cookie, ...headers };
    const sent = request({ host, port, path: `/_webhooks/${path}`, method, headers: all });
    sent.end(json === undefined ? undefined : JSON.stringify(json));
    return answerTo(sent);
  };
  async function stop(): Promise<void> {
    panel.close();
    await close();
    await app.webhooks.close();
  }
  const listed = () => firstOfStream(host, port, cookieFor('localhost', session));
  return { ...app, base: `http://${host}:${port}`, panel, ask, listed, stop };
}

/** The value of the cookie that a browser gets for the token. */
async function sessionOf(port: number, host: string, path: string): Promise<string> {
  const sent = request({ host, port, path, headers: { host: 'localhost' } });
  sent.end();
  const { headers } = await answerTo(sent);
  return /=([^;]+)/.exec(`${headers['set-cookie']}`)?.[1] ?? 'none';
}

/** Its name holds the port under which the browser sees the inspector. */
function cookieFor(host: string, session: string): string {
  return `cakemail-webhooks-${/:(\d+)$/.exec(host)?.[1] ?? 'default'}=${session}`;
}

async function answerTo(sent: ReturnType<typeof request>): Promise<Answer> {
  const [response] = await once(sent, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  const isJson = /json/.test(response.headers['content-type'] ?? '');
  return { status: response.statusCode, headers: response.headers, body, json: isJson ? JSON.parse(body) : undefined };
}

async function firstOfStream(host: string, port: number, cookie: string): Promise<readonly Record<string, unknown>[]> {
  const headers = { host: 'localhost', cookie };
  const sent = request({ host, port, path: '/_webhooks/api/stream', headers }).end();
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    const [, data] = /event: deliveries\ndata: (.*)\n\n/.exec(text) ?? [];
    if (data === undefined) continue;
    sent.destroy();
    return JSON.parse(data).deliveries;
  }
  return [];
}

/** A logger that keeps its lines. */
export function recordingLogger(): Logger & { readonly lines: { level: string; fields: object; message: string }[] } {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => lines.push({ level, fields, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
