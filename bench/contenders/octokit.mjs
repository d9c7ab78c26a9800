import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { createNodeMiddleware, Webhooks } from '@octokit/webhooks';
import express from 'express';
import { handle, PATH, SECRET } from './shared.mjs';

let id = 0;
export function sign(body, secret) {
  return {
    'x-github-event': 'push',
    'x-github-delivery': `delivery-${id++}`,
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
}

export function listen() {
  const log = { debug() {}, info() {}, warn() {}, error() {} }; // the default logs every forgery to the console
  const webhooks = new Webhooks({ secret: SECRET, log });
  webhooks.on('push', handle);
  const app = express();
  app.use(createNodeMiddleware(webhooks, { path: PATH, log }));
  return createServer(app);
}
