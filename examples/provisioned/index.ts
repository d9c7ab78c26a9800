import { once } from 'node:events';
import { createWebhookRouter } from 'cakemail-webhooks';
import { applyPlan, CakemailApi, cakemailKeys, planWebhooks } from 'cakemail-webhooks/api';
import express from 'express';

// The API creates the webhooks for the events that have handlers, and supplies their keys.
const { CAKEMAIL_TOKEN, CAKEMAIL_API_URL, PORT = '3000' } = process.env;
const PATH = '/webhooks/cakemail';
/** The URL at which Cakemail reaches this app, through a proxy or a tunnel. */
const url = process.env['PUBLIC_URL'] ?? `http://localhost:${PORT}${PATH}`;

const api = new CakemailApi({ token: CAKEMAIL_TOKEN, baseUrl: CAKEMAIL_API_URL });
const keys = cakemailKeys({ api, url });
const webhooks = createWebhookRouter({ secrets: keys });

webhooks.on('User.LoggedIn', ({ data, ip }) => console.log(`${data.email} logged in from ${ip}`));
webhooks.on('Email.*', ({ event, account_id }) => console.log(`${event} of account ${account_id}`));

const server = express().use(PATH, webhooks).listen(Number(PORT));
await once(server, 'listening');

// After it listens, so that no delivery is lost. Applying the same plan again changes nothing.
const plan = await planWebhooks({ api, url, events: webhooks.subscribedEvents() });
const { steps } = await applyPlan(plan, { onStep: ({ action, event }) => console.log(action, event) });
await keys.refresh();
console.log(`Receiving at ${url}; ${steps.length} webhooks changed.`);

process.once('SIGTERM', async () => {
  await webhooks.close();
  server.close();
});
