import {
  type AnyCakemailEvent,
  type CakemailEvent,
  createWebhookRouter,
  type Delivery,
  type EventName,
  type SelectedEvent,
  type UnknownEvent,
  type UserLoggedInData,
} from '../../src/index.js';
import { type Equal, exactly, type True } from './assert.js';

const webhooks = createWebhookRouter({ secret: 'key' });

webhooks.on('User.LoggedIn', (event, delivery) => {
  exactly<'User.LoggedIn'>()(event.event);
  exactly<UserLoggedInData>()(event.data);
  exactly<string>()(event.data.email);
  exactly<string>()(event.data.grant_type);
  exactly<string>()(event.data.scopes);
  exactly<Delivery>()(delivery);

  // @ts-expect-error Cakemail publishes no such member
  event.data.id;
  // @ts-expect-error nor a member of this name around the data
  event.created_at;
});

webhooks.on('User.LoggedIn', (event, delivery) => {
  exactly<number | undefined>()(event.account_id);
  exactly<string | undefined>()(event.ip);
  exactly<number | undefined>()(event.created_on);
  exactly<string | undefined>()(event.timestamp);
  exactly<{ id?: unknown; email?: unknown; account_id?: unknown } | undefined>()(event.user);
  exactly<string>()(delivery.id);
  exactly<Buffer>()(delivery.rawBody);
  exactly<Date>()(delivery.receivedAt);
  exactly<Date | null>()(delivery.occurredAt);
  exactly<number>()(delivery.attempt);
  exactly<boolean>()(delivery.known);
  exactly<AbortSignal>()(delivery.signal);
  exactly<string | readonly string[] | undefined>()(delivery.headers['user-agent']);

  // @ts-expect-error a delivery is shared by all handlers
  delivery.id = 'another';
  // @ts-expect-error the time may be absent
  delivery.occurredAt.getTime();
});

// Unpublished data is `unknown`, so that code has to check it before using it.
webhooks.on('Email.Bounced', (event) => {
  exactly<'Email.Bounced'>()(event.event);
  exactly<Record<string, unknown>>()(event.data);
  exactly<unknown>()(event.data['email']);
  // @ts-expect-error unchecked data is not a string
  event.data['email'].toLowerCase();
});

// A list gives a union of exactly its names, and it narrows.
webhooks.on(['User.LoggedIn', 'Contact.Added'], (event) => {
  exactly<'User.LoggedIn' | 'Contact.Added'>()(event.event);
  if (event.event === 'User.LoggedIn') {
    exactly<UserLoggedInData>()(event.data);
  } else {
    exactly<'Contact.Added'>()(event.event);
    exactly<Record<string, unknown>>()(event.data);
  }
  // @ts-expect-error not one of the two
  if (event.event === 'Contact.Removed') return;
});

const names = ['Email.Opened', 'Email.Clicked'] as const;
webhooks.on(names, (event) => exactly<'Email.Opened' | 'Email.Clicked'>()(event.event));

// A name that is only known to be one of some gives their union.
declare const either: 'List.Created' | 'List.Deleted';
webhooks.on(either, (event) => exactly<'List.Created' | 'List.Deleted'>()(event.event));

// A pattern gives exactly its group, and nothing of a group whose name begins alike.
webhooks.on('List.*', (event) => exactly<'List.Created' | 'List.Updated' | 'List.Deleted'>()(event.event));
webhooks.on('Email.*', (event) => {
  exactly<
    | 'Email.Sent'
    | 'Email.Opened'
    | 'Email.Clicked'
    | 'Email.Bounced'
    | 'Email.ReportedAsSpam'
    | 'Email.Unsubscribed'
    | 'Email.GlobalUnsubscribed'
    | 'Email.Submitted'
    | 'Email.Queued'
    | 'Email.Rejected'
    | 'Email.Processing'
    | 'Email.Delivered'
    | 'Email.Error'
  >()(event.event);
});
webhooks.on('User.*', (event) => {
  if (event.event === 'User.LoggedIn') exactly<UserLoggedInData>()(event.data);
  else exactly<Record<string, unknown>>()(event.data);
});
webhooks.on(['MFA.*', 'Account.Created'], (event) => {
  if (event.event === 'Account.Created') return;
  exactly<
    | 'MFA.RecoveryCodesViewed'
    | 'MFA.ChallengeIssued'
    | 'MFA.ChallengeCompleted'
    | 'MFA.MethodAdded'
    | 'MFA.MethodActivated'
    | 'MFA.MethodDeleted'
  >()(event.event);
});

// onAny and onUnhandled receive every published event, and events that are not published yet.
webhooks.onAny((event) => {
  exactly<AnyCakemailEvent>()(event);
  switch (event.event) {
    case 'User.LoggedIn':
      exactly<UserLoggedInData>()(event.data);
      break;
    case 'Email.Sent':
    case 'Email.Opened':
      exactly<Record<string, unknown>>()(event.data);
      break;
    default:
      // @ts-expect-error this name is dealt with above
      if (event.event === 'User.LoggedIn') return;
  }
  const text: string = event.event;
  return text;
});
webhooks.onUnhandled((event) => exactly<AnyCakemailEvent>()(event));
webhooks.onError((error, delivery) => {
  exactly<Error>()(error);
  exactly<Delivery>()(delivery);
});

/** When every known name is dealt with, the unknown event is what is left. */
export function leftOver(event: CakemailEvent<'Sender.Created' | 'Sender.Deleted'> | UnknownEvent): string {
  switch (event.event) {
    case 'Sender.Created':
    case 'Sender.Deleted':
      return event.event;
    default:
      exactly<UnknownEvent>()(event);
      exactly<unknown>()(event.data);
      return event.event;
  }
}

// off() is typed as on() is, and a handler can be kept so that it can be removed.
const onLogin = (event: CakemailEvent<'User.LoggedIn'>): string => event.data.email;
const unsubscribe = webhooks.on('User.LoggedIn', onLogin);
exactly<() => void>()(unsubscribe);
exactly<void>()(webhooks.off('User.LoggedIn', onLogin));
webhooks.on('Email.*', (event) => {
  const name: `Email.${string}` = event.event;
  return name;
});

// An id changes nothing about the event.
webhooks.on('User.LoggedIn', (event) => exactly<UserLoggedInData>()(event.data), { id: 'audit' });
webhooks.on(['List.*', 'User.LoggedIn'], (event) => (event.event === 'User.LoggedIn' ? event.data.email : ''), {
  id: 'lists',
});
exactly<() => void>()(webhooks.onAny((event) => exactly<AnyCakemailEvent>()(event), { id: 'any' }));
exactly<() => void>()(webhooks.onUnhandled((event) => exactly<AnyCakemailEvent>()(event), { id: 'unhandled' }));

// A name may be known only to the caller: one of several, a name or a list, or generic.
declare const oneOrMore: 'Email.Sent' | ('Email.Sent' | 'Email.Opened')[];
webhooks.on(oneOrMore, (event) => exactly<'Email.Sent' | 'Email.Opened'>()(event.event));
export function follow<N extends EventName>(name: N, handler: (event: SelectedEvent<N, object>) => void): () => void {
  return webhooks.on(name, handler);
}
follow('User.LoggedIn', (event) => exactly<UserLoggedInData>()(event.data));

// One function may serve as a handler of any event.
const count = (event: { readonly event: string }): number => event.event.length;
webhooks.on('Email.*', count);
webhooks.onAny(count);
webhooks.onAny((event: AnyCakemailEvent) => event.account_id);

export type Checks = [
  // What an editor shows on hovering is built of the exported names.
  True<Equal<Parameters<Parameters<typeof webhooks.on<'User.LoggedIn'>>[1]>[0], CakemailEvent<'User.LoggedIn'>>>,
  True<Equal<CakemailEvent['event'], EventName>>,
  True<UnknownEvent['event'] extends string ? true : false>,
];
