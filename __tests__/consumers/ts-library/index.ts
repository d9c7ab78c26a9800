// A library on top of this one, with declarations of its own: every type that the compiler infers for an export must
// have a name that a program can import from this package.
import {
  type AnyCakemailEvent,
  type CakemailEvent,
  createWebhookRouter,
  type DedupeStore,
  type Delivery,
  type Logger,
  type Outcome,
  type WebhookRouterOptions,
} from 'cakemail-webhooks';
import { sampleEvent, signedRequest } from 'cakemail-webhooks/testing';

export const createReceiver = (secret: string) => createWebhookRouter({ secret });
export const webhooks = createReceiver('key');
export const { on, onAny, receive, lifecycle, close } = webhooks;
export const unsubscribe = webhooks.on('Email.*', () => {});

export const login = sampleEvent('User.LoggedIn');
export const signed = signedRequest(login, { secret: 'key' });
export const outcome = webhooks.receive(signed);
export const next = () =>
  new Promise<CakemailEvent<'Email.Sent'>>((resolve) => webhooks.on('Email.Sent', (event) => resolve(event)));

export const audited = (event: AnyCakemailEvent, delivery: Delivery) => ({ name: event.event, id: delivery.id, event });
export const eventOf = (result: Outcome) => (result.kind === 'rejected' ? result.reason : result.event);
export const optionsOf = ({ secret, secrets, timeoutMs, logger }: WebhookRouterOptions) => ({
  ...{ secret, secrets },
  ...{ timeoutMs, logger },
});
export const reserve = (store: DedupeStore, id: string) => store.reserve(id);
export const warn = (logger: Logger) => logger.warn;
