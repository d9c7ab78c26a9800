// A project of its own: a merge holds for the whole program, and must not reach the other tests.
import * as z from 'zod';
import { type CakemailEvent, createWebhookRouter, type EventName, type UserLoggedInData } from '../../../src/index.js';
import { sampleEvent } from '../../../src/testing/index.js';
import { exactly } from '../assert.js';

declare module '../../../src/index.js' {
  interface CakemailEventData {
    'Email.Bounced': { email: string; bounce_type: 'hard' | 'soft' };
    'Campaign.Sent': { campaign_id: number };
    'Invoice.Paid': { amount: number };
  }
}

const webhooks = createWebhookRouter({ secret: { 'Campaign.Sent': 'key', 'Email.Sent': 'other key' } });

// It sharpens data …
webhooks.on('Email.Bounced', (event) => {
  exactly<{ email: string; bounce_type: 'hard' | 'soft' }>()(event.data);
  // @ts-expect-error the merge says nothing of it
  event.data.reason;
});
// … for that event only …
webhooks.on('Email.Sent', (event) => exactly<Record<string, unknown>>()(event.data));
webhooks.on('User.LoggedIn', (event) => exactly<UserLoggedInData>()(event.data));
// … and adds names, to their group too, …
webhooks.on('Campaign.Sent', (event) => exactly<number>()(event.data.campaign_id));
webhooks.on('Campaign.*', (event) => {
  if (event.event === 'Campaign.Sent') exactly<number>()(event.data.campaign_id);
});
// … and groups.
webhooks.on('Invoice.*', (event) => {
  exactly<'Invoice.Paid'>()(event.event);
  exactly<{ amount: number }>()(event.data);
});
webhooks.onAny((event) => {
  if (event.event === 'Campaign.Sent') exactly<number>()(event.data.campaign_id);
});

export const added: EventName[] = ['Campaign.Sent', 'Invoice.Paid', 'Email.Sent'];
export const sent: CakemailEvent<'Campaign.Sent'> = sampleEvent('Campaign.Sent', { data: { campaign_id: 1 } });
// @ts-expect-error still misspelt
webhooks.on('Campaign.Snet', () => {});
// @ts-expect-error not what was merged
sampleEvent('Campaign.Sent', { data: { campaign_id: '1' } });

// A schema comes before a merge: it is what is checked.
createWebhookRouter({ secret: 'key', schemas: { 'Campaign.Sent': z.object({ id: z.bigint() }) } }).on(
  'Campaign.Sent',
  (event) => exactly<bigint>()(event.data.id),
);
