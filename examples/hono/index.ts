import { serve } from '@hono/node-server';
import { createWebhookRouter } from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';
import { Hono } from 'hono';

/** A Hono app that receives webhooks, without Express. */
export function createHonoApp(secret: string | undefined) {
  const logins: string[] = [];
  const webhooks = createWebhookRouter({ secret });
  webhooks.on('User.LoggedIn', (event) => {
    logins.push(event.data.email);
  });

  const app = new Hono();
  app.all('/webhooks/cakemail', (c) => webhooks.fetch(c.req.raw));
  app.get('/logins', (c) => c.json(logins));
  return { app, webhooks };
}

if (process.argv[1] === import.meta.filename) {
  const secret = 'only for this example';
  const { app, webhooks } = createHonoApp(secret);
  const server = serve({ fetch: app.fetch, port: 0 }, async ({ port }) => {
    const base = `http://localhost:${port}`;
    const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret });
    const delivered = await fetch(`${base}/webhooks/cakemail`, signed);
    console.log('a signed delivery ', delivered.status, await delivered.text());
    const forged = await fetch(`${base}/webhooks/cakemail`, { method: 'POST', body: signed.body });
    console.log('a forged one      ', forged.status, await forged.text());
    console.log('the app’s own page', await (await fetch(`${base}/logins`)).text());
    await webhooks.close();
    server.close();
  });
}
