// Everything on: limits, verification, schema, dedupe, dispatch, lifecycle events.
import { createServer } from 'node:http';
import { createWebhookRouter } from 'cakemail-webhooks';
import express from 'express';
import { cakemailHeaders, handle, PATH, SECRET } from './shared.mjs';

export const sign = cakemailHeaders;

export function listen() {
  const webhooks = createWebhookRouter({ secret: SECRET });
  webhooks.on('User.LoggedIn', handle);
  webhooks.events.on('handled', () => {});
  const app = express();
  app.use(PATH, webhooks);
  return createServer(app);
}
