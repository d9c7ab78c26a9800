// The receiver from Cakemail's guide "Using webhooks": global express.json with verify, string compare, sendStatus.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import { cakemailHeaders, handle, PATH, SECRET } from './shared.mjs';

export const sign = cakemailHeaders;

export function listen() {
  const app = express();
  app.use(
    express.json({
      limit: '1mb',
      verify: (req, _res, buffer) => {
        req.rawBody = buffer;
      },
    }),
  );
  app.post(PATH, (req, res) => {
    const signature = createHmac('sha256', SECRET).update(req.rawBody).digest('base64');
    if (req.headers['x-signature'] !== signature) return res.sendStatus(403);
    handle(req.body);
    return res.sendStatus(200);
  });
  return createServer(app);
}
