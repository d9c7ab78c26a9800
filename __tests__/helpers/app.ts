import express from 'express';
import request, { type Response } from 'supertest';
import { createWebhookRouter, type WebhookRouter, type WebhookRouterOptions } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';

export const SECRET = 'a-key-used-only-in-tests';
export const PATH = '/webhooks/cakemail';

export interface TestApp {
  readonly app: express.Express;
  readonly webhooks: WebhookRouter;
  /** Sends a payload (an event name, an object, or the exact text) correctly signed. */
  deliver(payload: string | object, secret?: string): Promise<Response>;
  /** Sends exact text or bytes under exactly these headers. */
  post(body: string | Buffer, headers?: Record<string, string>): Promise<Response>;
}

/** An Express app with the router mounted; `before` are middlewares that run ahead of it. */
export function createApp(
  options: Partial<WebhookRouterOptions> = {},
  { before = [], framework = express }: { before?: express.RequestHandler[]; framework?: typeof express } = {},
): TestApp {
  const webhooks = createWebhookRouter(
    options.secrets || 'secret' in options ? options : { secret: SECRET, ...options },
  );
  const app = framework();
  for (const middleware of before) app.use(middleware);
  app.use(PATH, webhooks);

  async function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
    const sent = request(app).post(PATH).set('content-type', 'application/json').set(headers);
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

  return { app, webhooks, deliver, post };
}

function isName(text: string): boolean {
  return /^[\w]+\.[\w]+$/.test(text);
}
