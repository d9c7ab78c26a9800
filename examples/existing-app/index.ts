import { createWebhookRouter, keepRawBody, WebhookError } from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import express from 'express';

/** An app that was there before: a global JSON parser, routes and an error middleware of its own. */
export function createShop(secret: string | undefined) {
  const bounced: unknown[] = [];
  // 'next' hands failures to the app's own error middleware below.
  const webhooks = createWebhookRouter({ secret, errors: 'next' });
  webhooks.on('Email.Bounced', (event) => {
    bounced.push(event.data);
  });

  const app = express();
  app.use(express.json({ verify: keepRawBody })); // the one change: keep the bytes
  app.post('/orders', (req, res) => {
    res.status(201).json({ ordered: req.body.item });
  });
  app.use('/webhooks/cakemail', webhooks);
  app.use(((error, _req, res, _next) => {
    // WebhookError carries status and code, as the errors of Express's own parsers carry status.
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
    console.log('what the handler got  ', bounced);
    server.close();
  });
}
