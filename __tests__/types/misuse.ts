import { openInbox } from '../../src/inbox/index.js';
import {
  type CakemailEvent,
  createWebhookRouter,
  type EventName,
  type EventPattern,
  type SecretInput,
  type SecretsByEvent,
} from '../../src/index.js';

const webhooks = createWebhookRouter({ secret: 'key' });

// Inboxes
async function inboxes(): Promise<void> {
  // @ts-expect-error misspelt option
  await openInbox('file:./webhooks.db', { keepMS: 1 });
  // @ts-expect-error misspelt option, within
  await openInbox('file:./webhooks.db', { retries: { attempt: 1 } });
  const inbox = await openInbox('file:./webhooks.db');
  // @ts-expect-error an unknown state
  await inbox.list({ state: 'failed' });
  // @ts-expect-error a time is a Date
  await inbox.replay({ since: 0 });
  // @ts-expect-error whatever is meant must be said
  await inbox.remove();
  // @ts-expect-error an empty filter would mean everything
  await inbox.remove({});
  // @ts-expect-error an empty filter would mean everything
  await inbox.replay({});
  // @ts-expect-error so would a member that is undefined
  await inbox.replay({ state: undefined });
  // @ts-expect-error everything, or what fits
  await inbox.remove({ all: true, state: 'dead' });
  await inbox.remove({ all: true });
  await inbox.replay({ since: new Date(), state: 'dead' });
  // @ts-expect-error an inbox knows what it holds
  createWebhookRouter({ secret: 'key', inbox: 'file:./webhooks.db' });
}
void inboxes;

// Names
// @ts-expect-error misspelt
webhooks.on('User.LogedIn', () => {});
// @ts-expect-error wrong case
webhooks.on('user.LoggedIn', () => {});
// @ts-expect-error an event of another group
webhooks.on('Account.LoggedIn', () => {});
// @ts-expect-error misspelt, in a list
webhooks.on(['User.LoggedIn', 'Email.Bonced'], () => {});
// @ts-expect-error misspelt
webhooks.off('Email.Bonced', () => {});
// @ts-expect-error no name at all
webhooks.on('', () => {});
// @ts-expect-error a name must be known to the compiler
webhooks.on('Email.Sent' as string, () => {});
// @ts-expect-error nor is undefined a name
webhooks.on(undefined, () => {});

// Patterns
// @ts-expect-error misspelt group
webhooks.on('Emails.*', () => {});
// @ts-expect-error a group alone is not a pattern
webhooks.on('Email', () => {});
// @ts-expect-error for all events there is onAny
webhooks.on('*', () => {});
// @ts-expect-error a pattern stands for a whole group, not for the start of a name
webhooks.on('Email.B*', () => {});
// @ts-expect-error misspelt group, in a list
webhooks.on(['User.*', 'Contcat.*'], () => {});

// @ts-expect-error misspelt name in a variable
export const name: EventName = 'Campaign.Sent';
// @ts-expect-error misspelt group in a variable
export const pattern: EventPattern = 'Campaigns.*';

// Handlers
// @ts-expect-error no handler
webhooks.on('User.LoggedIn');
// @ts-expect-error not a function
webhooks.on('User.LoggedIn', 'handler');
// @ts-expect-error a handler of another event
webhooks.on('User.LoggedIn', (event: CakemailEvent<'Email.Sent'>) => event.data);
// @ts-expect-error a handler of one event cannot take a group
webhooks.on('User.*', (event: CakemailEvent<'User.LoggedIn'>) => event.data);
// @ts-expect-error nor every event
webhooks.onAny((event: CakemailEvent<'User.LoggedIn'>) => event.data);
// @ts-expect-error the event is not its name
webhooks.on('User.LoggedIn', (event: string) => event);
// @ts-expect-error a delivery is not a request
webhooks.on('User.LoggedIn', (_event, delivery: { body: unknown }) => delivery);
// @ts-expect-error a third parameter, as of a middleware, is never passed
webhooks.on('User.LoggedIn', (_event, _delivery, next: () => void) => next());
webhooks.onAny((event) => {
  // @ts-expect-error misspelt in a comparison; a name that is too new for the catalogue is merged in
  return event.event === 'Email.Bonced';
});
// @ts-expect-error an id is text
webhooks.on('User.LoggedIn', () => {}, { id: 7 });
// @ts-expect-error null is not an id
webhooks.onAny(() => {}, { id: null });
// @ts-expect-error misspelt
webhooks.on('User.LoggedIn', () => {}, { ID: 'audit' });
// @ts-expect-error misspelt
webhooks.onUnhandled(() => {}, { name: 'audit' });
// @ts-expect-error the options are an object
webhooks.on('User.LoggedIn', () => {}, 'audit');
// @ts-expect-error error handlers have no id
webhooks.onError(() => {}, { id: 'audit' });
// @ts-expect-error a handler is removed by its function
webhooks.off('User.LoggedIn', 'audit');
// @ts-expect-error handlers that run once do not exist
webhooks.once('User.LoggedIn', () => {});
// @ts-expect-error an error comes before the delivery
webhooks.onError((delivery: { rawBody: Buffer }) => delivery);

// Options
// @ts-expect-error options are required
createWebhookRouter();
// @ts-expect-error misspelt
createWebhookRouter({ secert: 'key' });
// @ts-expect-error misspelt, next to a valid option
createWebhookRouter({ secret: 'key', limits: 1024 });
// @ts-expect-error bytes as a number
createWebhookRouter({ secret: 'key', limit: '1mb' });
// @ts-expect-error a key is text or bytes
createWebhookRouter({ secret: 42 });
// @ts-expect-error null is not a key
createWebhookRouter({ secret: null });
// @ts-expect-error a list that may hold holes
createWebhookRouter({ secret: [process.env.OLD_KEY, 'new'] });
// @ts-expect-error `secrets` is a function
createWebhookRouter({ secrets: ['key'] });
// @ts-expect-error not one of the policies
createWebhookRouter({ secret: 'key', onSchemaMismatch: 'ignore' });
// @ts-expect-error not one of the ways
createWebhookRouter({ secret: 'key', errors: 'throw' });
// @ts-expect-error misspelt limit
createWebhookRouter({ secret: 'key', timeoutMs: { handlers: 1000 } });
// @ts-expect-error misspelt size
createWebhookRouter({ secret: 'key', dedupe: { ttl: 1000 } });
// @ts-expect-error an incomplete store
createWebhookRouter({ secret: 'key', dedupe: { reserve: () => ({ state: 'reserved' }) } });
// @ts-expect-error not a logger
createWebhookRouter({ secret: 'key', logger: 'pino' });
// @ts-expect-error no option switches verification off
createWebhookRouter({ secret: 'key', dangerouslySkipVerification: true });
// @ts-expect-error a misspelt event in the map
createWebhookRouter({ secret: { 'User.LogedIn': 'key' } });
// @ts-expect-error a misspelt event, next to a valid one
createWebhookRouter({ secret: { 'User.LoggedIn': 'key', 'Email.Bonced': ['key'] } });
// @ts-expect-error keys are bound to events, not to patterns
createWebhookRouter({ secret: { 'Email.*': 'key' } });
// @ts-expect-error the same map from a function
createWebhookRouter({ secrets: () => ({ 'User.LogedIn': 'key' }) });
// @ts-expect-error the same map, promised
createWebhookRouter({ secrets: async () => ({ 'User.LogedIn': 'key' }) });
// TypeScript checks a returned object for excess members only if the function declares its return type.
// @ts-expect-error a misspelt event, next to a valid one
createWebhookRouter({ secrets: (): SecretsByEvent => ({ 'User.LoggedIn': 'key', 'Email.Bonced': 'key' }) });
// @ts-expect-error promised nothing
createWebhookRouter({ secrets: async () => process.env.CAKEMAIL_WEBHOOK_SECRET });

// Members
// @ts-expect-error the notice does not exist
webhooks.lifecycle.on('accepted', () => {});
// @ts-expect-error the bytes are called rawBody
void webhooks.receive({ body: '{}', headers: {} });
// @ts-expect-error never the parsed object
void webhooks.receive({ rawBody: { event: 'User.LoggedIn' }, headers: {} });
// @ts-expect-error the bytes are required
void webhooks.handleVerified({ headers: {} });
// @ts-expect-error never the parsed object
void webhooks.handleVerified({ rawBody: { event: 'User.LoggedIn' } });
// @ts-expect-error misspelt
void webhooks.handleVerified({ rawBody: '{}', header: {} });
// @ts-expect-error misspelt
void webhooks.close({ timeout: 1000 });
// @ts-expect-error which path?
webhooks.inFrontOf(() => {});
// @ts-expect-error a pattern is not a path
webhooks.inFrontOf(() => {}, { path: /webhooks/ });
// @ts-expect-error a path is not an app
webhooks.inFrontOf('/webhooks/cakemail', { path: '/webhooks/cakemail' });
// @ts-expect-error an address is not a request
void webhooks.fetch('https://example.com/webhooks/cakemail');

// What is right, for comparison: each of these compiles.
webhooks.on('User.LoggedIn', () => {}, { id: 'audit' });
webhooks.on(['User.LoggedIn', 'Email.*'], () => {}, { id: undefined });
webhooks.onAny(() => {}, {});
webhooks.onUnhandled(() => {}, { id: `unhandled-${process.pid}` });
void webhooks.handleVerified({ rawBody: '{}' });
createWebhookRouter({ secret: process.env.CAKEMAIL_WEBHOOK_SECRET, limit: undefined, dedupe: undefined });
createWebhookRouter({ secret: new Uint8Array(32) });
createWebhookRouter({ secret: ['new', 'old'] as const });
createWebhookRouter({ secret: { 'User.LoggedIn': 'a', 'Email.Bounced': ['b', Buffer.from('c')] } });
createWebhookRouter({ secrets: () => 'key' });
createWebhookRouter({ secrets: async () => ({ 'User.LoggedIn': ['new', 'old'] }) });
createWebhookRouter({ secrets: async () => JSON.parse('"key"') });
createWebhookRouter({ secrets: async () => JSON.parse('{}') as SecretsByEvent });
createWebhookRouter({
  secret: JSON.parse(process.env.KEYS ?? '{}') as SecretInput,
  signatureHeader: ['x-signature', 'x-other'],
});
createWebhookRouter({ secret: 'key', logger: console, timeoutMs: 5000, dedupe: false });
createWebhookRouter({ secret: 'key', timeoutMs: { handler: 5000 }, dedupe: { maxEntries: 10 } });
