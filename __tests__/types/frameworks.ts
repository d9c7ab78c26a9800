import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import express from 'express';
import express4 from 'express4';
import * as z from 'zod';
import {
  createWebhookRouter,
  keepRawBody,
  type NodeListener,
  type SchemaMap,
  WebhookError,
  type WebhookRouter,
} from '../../src/index.js';
import { exactly, type False, type IsAny } from './assert.js';

const webhooks = createWebhookRouter({ secret: 'key' });

// Otherwise everything below would hold whatever the types are.
export type FrameworksAreTyped = [False<IsAny<typeof express>>, False<IsAny<typeof express4>>];

const app5 = express();
app5.use(webhooks);
app5.use('/webhooks/cakemail', webhooks);
app5.post('/webhooks/cakemail', webhooks);
app5.all('/webhooks/cakemail', express.raw({ type: '*/*' }), webhooks);
app5.route('/webhooks/cakemail').post(webhooks);
app5.use(express.json({ verify: keepRawBody }), express.urlencoded({ verify: keepRawBody }));

const router5 = express.Router();
router5.use(webhooks);
router5.post('/cakemail', webhooks);
app5.use('/webhooks', router5);

const app4 = express4();
app4.use(webhooks);
app4.use('/webhooks/cakemail', webhooks);
app4.post('/webhooks/cakemail', webhooks);
app4.all('/webhooks/cakemail', express4.raw({ type: '*/*' }), webhooks);
app4.route('/webhooks/cakemail').post(webhooks);
app4.use(express4.json({ verify: keepRawBody }), express4.urlencoded({ verify: keepRawBody }));

const router4 = express4.Router();
router4.use(webhooks);
router4.post('/cakemail', webhooks);
app4.use('/webhooks', router4);

export const handler5: express.RequestHandler = webhooks;
export const handler4: express4.RequestHandler = webhooks;
export const listener: RequestListener = webhooks;
createServer(webhooks).listen(0);
createServer((req, res) => webhooks(req, res));

// In front of an app, which may be an Express app or any listener.
createServer(webhooks.inFrontOf(app5, { path: '/webhooks/cakemail' })).listen(0);
createServer(webhooks.inFrontOf(app4, { path: '/webhooks/cakemail' })).listen(0);
createServer(webhooks.inFrontOf((_req, res) => res.end(), { path: '/webhooks/cakemail' })).listen(0);
exactly<NodeListener>()(webhooks.inFrontOf(app5, { path: '/' }));

// Where requests are those of Fetch.
export const POST: (request: Request) => Promise<Response> = webhooks.fetch;

// A router with schemas is mounted like any other, and can be passed on.
const withSchema = createWebhookRouter({ secret: 'key', schemas: { 'Email.Bounced': z.object({ email: z.email() }) } });
app5.use(withSchema);
app4.use(withSchema);
export function serve<S extends SchemaMap>(router: WebhookRouter<S>): Promise<void> {
  createServer(router).listen(0);
  router.on('User.LoggedIn', (event) => event.event);
  router.lifecycle.on('rejected', ({ reason }) => reason);
  return router.close();
}
void serve(withSchema);
void serve(webhooks);

// It answers by itself or calls next(error); it returns nothing to wait for.
exactly<void>()(webhooks({} as IncomingMessage, {} as ServerResponse, (error) => exactly<unknown>()(error)));

app5.use(((error: unknown, _req, res, next) => {
  if (!(error instanceof WebhookError)) return next(error);
  exactly<number>()(error.status);
  exactly<string>()(error.help);
  res.status(error.status).set(error.headers).json({ problem: error.code });
}) satisfies express.ErrorRequestHandler);

// @ts-expect-error a router is not an error middleware
export const errorHandler: express.ErrorRequestHandler = webhooks;
// @ts-expect-error a path is not a request
webhooks('/webhooks/cakemail', webhooks);
// @ts-expect-error a router is made by createWebhookRouter
export const made: WebhookRouter = express.Router();
