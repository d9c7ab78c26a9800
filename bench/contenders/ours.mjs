// Our receiver with everything on: limits, verification, schema, deduplication, dispatch, lifecycle events.
import { createWebhookRouter } from 'cakemail-webhooks';
import { handle, SECRET } from './shared.mjs';

export function receiver(options = {}) {
  const webhooks = createWebhookRouter({ secret: SECRET, ...options });
  webhooks.on('User.LoggedIn', handle);
  webhooks.lifecycle.on('handled', () => {}).on('rejected', () => {});
  return webhooks;
}
