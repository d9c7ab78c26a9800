// Uses the types that the README's snippet adds. The test writes that snippet to this folder, as a `.ts` or a `.d.ts`.
import { createWebhookRouter } from 'cakemail-webhooks';

const webhooks = createWebhookRouter({ secret: 'key' });

webhooks.on('Email.Opened', (event) => {
  const email: string = event.data.email;
  // @ts-expect-error the merge says nothing of it
  return email + event.data.reason;
});
webhooks.on('Campaign.Sent', (event) => event.data.campaign_id.toFixed());
// What the package itself publishes is still there.
webhooks.on('User.LoggedIn', (event) => event.data.grant_type.toUpperCase());
