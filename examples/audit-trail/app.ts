import { createWebhookRouter } from 'cakemail-webhooks';
import { inspector } from 'cakemail-webhooks/inspector';
import express from 'express';
import { openAuditTrail } from './audit-trail.js';

/** Records every login in an audit trail, which is the use case in Cakemail's guide. */
export function createAuditApp(secret: string | undefined, file: string) {
  const audit = openAuditTrail(file);
  const webhooks = createWebhookRouter({ secret });

  webhooks.on('User.LoggedIn', (event, delivery) => {
    audit.record({
      delivery: delivery.id,
      who: event.data.email,
      from_ip: event.ip ?? null,
      at: delivery.occurredAt?.toISOString() ?? null,
    });
  });

  const app = express();
  const panel = inspector(webhooks);
  app.use('/_webhooks', panel); // `panel.url` opens it, because it holds the token
  app.use('/webhooks/cakemail', webhooks);
  return { app, audit, webhooks, panel };
}
