import { createWebhookRouter, keepRawBody, WebhookError } from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import express from 'express';

/** An existing app with its own global JSON parser, routes and error middleware. */
export function createShop(secret: string | undefined) {
  const bounced: unknown[] = [];
  // With 'next' the app's own error middleware below responds to failures.
  const webhooks = createWebhookRouter({ secret, errors: 'next' });
  webhooks.on('Email.Bounced', (event) => {
    bounced.push(event.data);
  });

  const app = express();
  app.use(express.json({ verify: keepRawBody })); // the only change: keep the bytes
  app.post('/orders', (req, res) => {
    res.status(201).json({ ordered: req.body.item });
  });
  app.use('/webhooks/cakemail', webhooks);
  app.use(((error, _req, res, _next) => {
    // A WebhookError has a status, like the errors of Express's own parsers, and a code.
    const problem = error instanceof WebhookError ? error.code : 'unexpected';
    res.status(error.status ?? 500).json({ problem });
  }) satisfies express.ErrorRequestHandler);
  return { app, bounced };
}

if (process.argv[1] === import.meta.filename) {
  const secret = 'only for this example';
  const { app, bounced } = createShop(secret);
  const server = app.listen(0, async () => {
    const { port } = server.address() as { port: number };
    const base = `http://localhost:${port}`;
    const json = { 'content-type': 'application/json' };
    const order = await fetch(`${base}/orders`, { method: 'POST', headers: json, body: '{"item":"cake"}' });
    console.log('the app’s own route   ', order.status, await order.text());
    const signed = signedRequest(sampleEvent('Email.Bounced'), { secret });
    const delivered = await fetch(`${base}/webhooks/cakemail`, signed);
    console.log('a signed delivery     ', delivered.status, await delivered.text());
    const forged = await fetch(`${base}/webhooks/cakemail`, { method: 'POST', headers: json, body: signed.body });
    console.log('a forged one          ', forged.status, await forged.text());
    console.log('the handler received  ', bounced);
    server.close();
  });
}
