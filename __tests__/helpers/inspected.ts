import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type express from 'express';
import type { WebhookRouterOptions } from '../../src/index.js';
import { type Inspector, type InspectorOptions, inspector } from '../../src/inspector/index.js';
import { createApp, type TestApp } from './app.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test knows to be there
  readonly json: any;
}

/** An app with an inspector at `/_webhooks`, on a real port of this machine. */
export interface Inspected extends TestApp {
  readonly base: string;
  readonly panel: Inspector;
  /** Asks the inspector, with the cookie unless other headers replace it; POSTs when there is something to post. */
  ask(path: string, options?: { json?: unknown; method?: string; headers?: Record<string, string> }): Promise<Answer>;
  /** What the stream tells at first. */
  listed(): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export async function inspectedApp(
  options: Partial<WebhookRouterOptions> = {},
  {
    panel: panelOptions = {},
    host = '127.0.0.1',
    before = [],
  }: { panel?: InspectorOptions; host?: string; before?: express.RequestHandler[] } = {},
): Promise<Inspected> {
  let panel: Inspector | undefined;
  const app = createApp(
    { logger: {}, ...options },
    {
      face: (webhooks, inner) => {
        panel = inspector(webhooks, panelOptions);
        for (const middleware of before) inner.use(middleware);
        return inner.use('/_webhooks', panel).use('/webhooks/cakemail', webhooks);
      },
    },
  );
  const server = createServer(app.listener).listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const session = await sessionOf(port, host, (panel as Inspector).url);
  const ask: Inspected['ask'] = (path, { json, method = json === undefined ? 'GET' : 'POST', headers = {} } = {}) => {
    const content = json === undefined ? {} : { 'content-type': 'application/json' };
    const cookie = cookieFor(headers['host'] ?? `${host}:${port}`, session);
    const all = { ...content, cookie, ...headers };
    const sent = request({ host, port, path: `/_webhooks/${path}`, method, headers: all });
    sent.end(json === undefined ? undefined : JSON.stringify(json));
    return answerTo(sent);
  };
  return {
    ...app,
    base: `http://${host}:${port}`,
    panel: panel as Inspector,
    ask,
    listed: () => firstOfStream(host, port, cookieFor('localhost', session)),
    stop: () => stop(server, app, panel as Inspector),
  };
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

async function stop(server: Server, { webhooks }: TestApp, panel: Inspector): Promise<void> {
  panel.close();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await webhooks.close();
  await closed;
}
