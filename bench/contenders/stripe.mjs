import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import Stripe from 'stripe';
import { handle, PATH, SECRET } from './shared.mjs';

export function sign(body, secret) {
  const time = Math.floor(Date.now() / 1000);
  const mac = createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex');
  return { 'stripe-signature': `t=${time},v1=${mac}` };
}

export function listen() {
  const stripe = new Stripe('sk_test_unused');
  const app = express();
  app.post(PATH, express.raw({ type: 'application/json', limit: '1mb' }), (req, res) => {
    try {
      handle(stripe.webhooks.constructEvent(req.body, req.headers['stripe-signature'], SECRET));
      res.sendStatus(200);
    } catch {
      res.sendStatus(403);
    }
  });
  return createServer(app);
}
