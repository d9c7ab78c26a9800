// svix and standardwebhooks share a scheme that signs the id, the time and the body with a base64 key.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import { handle, PATH, SECRET } from './shared.mjs';

const KEY = Buffer.from(SECRET).toString('base64');

export function signer(prefix) {
  let count = 0;
  return (body, secret) => {
    const id = `msg_${count++}`;
    const time = Math.floor(Date.now() / 1000);
    const mac = createHmac('sha256', secret).update(`${id}.${time}.`).update(body).digest('base64');
    return { [`${prefix}-id`]: id, [`${prefix}-timestamp`]: String(time), [`${prefix}-signature`]: `v1,${mac}` };
  };
}

export function listenWith(Webhook) {
  const webhook = new Webhook(`whsec_${KEY}`);
  const app = express();
  app.post(PATH, express.raw({ type: 'application/json', limit: '1mb' }), (req, res) => {
    try {
      handle(webhook.verify(req.body, req.headers));
      res.sendStatus(200);
    } catch {
      res.sendStatus(403);
    }
  });
  return createServer(app);
}
