import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express from 'express';
import request, { type Response } from 'supertest';
import { createWebhookRouter, type WebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';

export const SECRET = 'a-key-used-only-in-tests';
export const PATH = '/webhooks/cakemail';

export interface TestApp {
  readonly app: express.Express;
  /** What is served: the app itself, unless the router is reached in another way. */
  readonly listener: RequestListener;
  readonly webhooks: WebhookRouter;
  /** Sends a payload (an event name, an object, or the exact text) correctly signed. */
  deliver(payload: string | object, secret?: string): Promise<Response>;
  /** Sends exact text or bytes under exactly these headers. */
  post(body: string | Buffer, headers?: Record<string, string>): Promise<Response>;
}

/** A middleware that needs nothing of Express. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** A way to reach the router: what is to be served, given an app that is still empty, and what runs ahead. */
export type Face = (
  webhooks: WebhookRouter,
  app: express.Express,
  before: readonly express.RequestHandler[],
) => RequestListener;

export interface Mount {
  /** Middlewares that run ahead of the router. */
  readonly before?: readonly express.RequestHandler[];
  readonly framework?: typeof express;
  readonly face?: Face;
}

const mounted: Face = (webhooks, app, before) => {
  for (const middleware of before) app.use(middleware);
  return app.use(PATH, webhooks);
};

/** An Express app with the router mounted, or reached by another face. */
export function createApp(
  options: Partial<WebhookRouterOptions> = {},
  { before = [], framework = express, face = mounted }: Mount = {},
): TestApp {
  const webhooks = createWebhookRouter(
    options.secrets || 'secret' in options ? options : { secret: SECRET, ...options },
  );
  const app = framework();
  const listener = face(webhooks, app, before);

  async function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
    const sent = request(listener).post(PATH).set('content-type', 'application/json').set(headers);
    // superagent would turn a Buffer into JSON; it is the exact bytes that matter here.
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
