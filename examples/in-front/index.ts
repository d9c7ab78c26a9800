import { createServer } from 'node:http';
import { createWebhookRouter } from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import express from 'express';

/** Serves webhooks before a request enters Express. */
export function createFrontedServer(secret: string | undefined) {
  let opened = 0;
  const webhooks = createWebhookRouter({ secret });
  webhooks.on('Email.Opened', () => {
    opened += 1;
  });

  const app = express();
  app.get('/opened', (_req, res) => {
    res.json({ opened });
  });
  return createServer(webhooks.inFrontOf(app, { path: '/webhooks/cakemail' })); // in place of app.use(path, webhooks)
}

if (process.argv[1] === import.meta.filename) {
  const secret = 'only for this example';
  const server = createFrontedServer(secret).listen(0, async () => {
    const { port } = server.address() as { port: number };
    const base = `http://localhost:${port}`;
    for (const account_id of [1, 2, 3]) {
      const signed = signedRequest(sampleEvent('Email.Opened', { account_id }), { secret });
      const delivered = await fetch(`${base}/webhooks/cakemail`, signed);
      console.log('a signed delivery ', delivered.status, await delivered.text());
    }
    console.log('the app’s own page', await (await fetch(`${base}/opened`)).text());
    server.close();
    server.closeAllConnections();
  });
}
