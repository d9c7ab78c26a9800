import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as v from 'valibot';
import * as z from 'zod';
import { createWebhookRouter, type UnknownEvent, type UserLoggedInData } from '../../src/index.js';
import { exactly } from './assert.js';

// Any Standard Schema sharpens `data`: to what the schema gives out, not to what it takes in.
const webhooks = createWebhookRouter({
  secret: 'key',
  schemas: {
    'Email.Bounced': z.object({ email: z.string(), bounce_type: z.enum(['hard', 'soft']) }),
    'Contact.Added': v.object({ contact_id: v.number() }),
    'Campaign.Created': z.object({ at: z.string().transform((text) => new Date(text)) }),
    'List.Created': {} as StandardSchemaV1<unknown, readonly string[]>,
  },
});

type Bounced = { email: string; bounce_type: 'hard' | 'soft' };

webhooks.on('Email.Bounced', (event) => {
  exactly<'Email.Bounced'>()(event.event);
  exactly<Bounced>()(event.data);
  exactly<number | undefined>()(event.account_id);
  // @ts-expect-error the schema knows no such member
  event.data.reason;
});
webhooks.on('Contact.Added', (event) => exactly<{ contact_id: number }>()(event.data));
webhooks.on('Campaign.Created', (event) => exactly<Date>()(event.data.at));
webhooks.on('List.Created', (event) => exactly<readonly string[]>()(event.data));

// Events without a schema stay as published.
webhooks.on('User.LoggedIn', (event) => exactly<UserLoggedInData>()(event.data));
webhooks.on('Email.Sent', (event) => exactly<Record<string, unknown>>()(event.data));

// In a list, in a pattern and for any event the schema holds too, and only for its own event.
webhooks.on(['Email.Bounced', 'Contact.Added'], (event) => {
  if (event.event === 'Email.Bounced') exactly<Bounced>()(event.data);
  else exactly<{ contact_id: number }>()(event.data);
});
webhooks.on('Email.*', (event) => {
  if (event.event === 'Email.Bounced') exactly<Bounced>()(event.data);
  else exactly<Record<string, unknown>>()(event.data);
});
webhooks.on('Email.*', (event) => (event.event === 'Email.Bounced' ? event.data.bounce_type : undefined));
webhooks.onAny((event) => {
  switch (event.event) {
    case 'Email.Bounced':
      return exactly<Bounced>()(event.data);
    case 'Contact.Added':
      return exactly<{ contact_id: number }>()(event.data);
    case 'User.LoggedIn':
      return exactly<UserLoggedInData>()(event.data);
    case 'Email.Sent':
      return exactly<Record<string, unknown>>()(event.data);
  }
});
webhooks.onUnhandled((event) => {
  if (event.event === 'Contact.Added') exactly<number>()(event.data.contact_id);
});

// A schema may replace even what is published.
createWebhookRouter({
  secret: 'key',
  schemas: { 'User.LoggedIn': z.object({ email: z.email(), grant_type: z.literal('password') }) },
}).on('User.LoggedIn', (event) => exactly<{ email: string; grant_type: 'password' }>()(event.data));

// A handler that a narrower schema would need is refused without it.
const onBounce = (event: { event: 'Email.Bounced'; data: Bounced }): string => event.data.email;
webhooks.on('Email.Bounced', onBounce);
// @ts-expect-error this router has no schema for it
createWebhookRouter({ secret: 'key' }).on('Email.Bounced', onBounce);

createWebhookRouter({
  secret: 'key',
  // @ts-expect-error a misspelt name
  schemas: { 'Email.Bonced': z.object({ email: z.string() }) },
});
createWebhookRouter({
  secret: 'key',
  // @ts-expect-error a misspelt name, next to a valid one
  schemas: { 'Email.Bounced': z.object({}), 'Contcat.Added': v.object({}) },
});
createWebhookRouter({
  secret: 'key',
  // @ts-expect-error schemas are for events, not for patterns
  schemas: { 'Email.*': z.object({}) },
});
createWebhookRouter({
  secret: 'key',
  // @ts-expect-error a constructor is not a schema
  schemas: { 'Email.Bounced': { email: String } },
});

/** The unknown event is there whatever the schemas say. */
export function rest(event: UnknownEvent): unknown {
  return event.data;
}
