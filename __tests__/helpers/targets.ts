import { getRequestListener } from '@hono/node-server';
import express from 'express';
import { Hono } from 'hono';
import type { WebhookRouter, WebhookRouterOptions } from '../../src/index.js';
import { ADAPTERS, type CreateApp } from './adapters.js';
import { createApp, type Middleware, PATH } from './harness.js';
import { dial, head, listen } from './raw-http.js';

// Every adapter in one form, for tests of responses: a request goes in, and its response comes out.

export interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** `stops`: only a part of the body is sent. `fails`: the body ends with an error, which only a stream can do. */
  readonly end?: 'stops' | 'fails';
}

export interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Target {
  readonly webhooks: WebhookRouter;
  send(sent: Sent): Promise<Received>;
}

/** Another layer ahead of the router: it reads the body, or leaves a request that throws when it is read. */
export type Ahead = 'reads' | 'breaks';

interface TargetKind {
  readonly name: string;
  /** The outcomes of a body without a request, of a request, and of a request whose body is a stream. */
  readonly takes: 'bodies' | 'requests' | 'streams';
  start(options: Partial<WebhookRouterOptions>, ahead?: Ahead): Promise<Target>;
}

/** Texts that no response may hold contain this. */
export const PRIVATE = 'do-not-tell';

export const broken = (): never => {
  throw new Error(PRIVATE);
};

export const TARGETS: readonly TargetKind[] = [
  ...ADAPTERS.map(([name, create]): TargetKind => ({ name, takes: 'requests', start: onNode(create) })),
  { name: 'Hono on Node', takes: 'requests', start: onHono },
  { name: 'fetch()', takes: 'streams', start: onFetch },
  { name: 'receive()', takes: 'bodies', start: onReceive },
];

function onNode(create: CreateApp): TargetKind['start'] {
  const layers: Record<Ahead, Middleware> = {
    reads: express.json() as Middleware,
    breaks: (req, _res, next) => next(Object.defineProperty(req, 'rawBody', { get: broken }) && undefined),
  };
  return async (options, ahead) => {
    const { webhooks, listener } = create(options, { before: ahead ? [layers[ahead]] : [] });
    return overSockets(webhooks, (await listen(listener)).port);
  };
}

async function onHono(...[options, ahead]: Parameters<TargetKind['start']>): Promise<Target> {
  const { webhooks } = createApp(options);
  const app = new Hono().all(PATH, async ({ req }) => webhooks.fetch(await behind(ahead, req.raw)));
  return overSockets(webhooks, (await listen(getRequestListener(app.fetch))).port);
}

async function onFetch(...[options, ahead]: Parameters<TargetKind['start']>): Promise<Target> {
  const { webhooks } = createApp(options);
  async function send({ method, headers, body, end }: Sent): Promise<Received> {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(end === undefined ? body : body.slice(0, 10)));
        if (end === 'fails') controller.error(new Error(PRIVATE));
        if (end === undefined) controller.close();
      },
    });
    const content = { body: stream as NonNullable<RequestInit['body']>, duplex: 'half' } as const;
    const init = { method, headers: new Headers(Object.entries(headers)), ...(method === 'POST' && content) };
    const response = await webhooks.fetch(await behind(ahead, new Request(`https://receiver.test${PATH}`, init)));
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text: await response.text(),
    };
  }
  return { webhooks, send };
}

async function onReceive(options: Partial<WebhookRouterOptions>): Promise<Target> {
  const { webhooks } = createApp(options);
  async function send({ headers, body: rawBody }: Sent): Promise<Received> {
    const { body: text, ...response } = (await webhooks.receive({ rawBody, headers })).toResponse();
    return { ...response, text };
  }
  return { webhooks, send };
}

async function behind(ahead: Ahead | undefined, request: Request): Promise<Request> {
  if (ahead === 'reads') await request.text();
  return ahead === 'breaks' ? Object.defineProperty(request, 'bodyUsed', { get: broken }) : request;
}

/** The headers that an HTTP server adds by itself. */
const HOP_BY_HOP = ['connection', 'date', 'keep-alive', 'x-powered-by'];

function overSockets(webhooks: WebhookRouter, port: number): Target {
  async function send({ method, headers, body, end }: Sent): Promise<Received> {
    const hasBody = method === 'POST';
    const length = hasBody ? { 'content-length': Buffer.byteLength(body) } : { connection: 'close' };
    const content = Buffer.from(end === undefined ? body : body.slice(0, 10));
    const start = Buffer.from(head({ ...headers, ...length }, method));
    const answer = await dial(port, hasBody ? Buffer.concat([start, content]) : start).answer;
    const [top = '', text = ''] = answer.split(/\r\n\r\n(.*)/s);
    const [statusLine = '', ...lines] = top.split('\r\n');
    const pairs = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.replace(/^[^:]*: /, '')]);
    const own = pairs.filter(([name = '']) => !HOP_BY_HOP.includes(name));
    return { status: Number(statusLine.split(' ')[1]), headers: Object.fromEntries(own), text };
  }
  return { webhooks, send };
}
