import type * as api from '../../src/api/index.js';
import type * as inbox from '../../src/inbox/index.js';
import type * as core from '../../src/index.js';
import { createWebhookRouter } from '../../src/index.js';
import type * as testing from '../../src/testing/index.js';
import type { False, HoldsAny, IsAny, True } from './assert.js';

// The helper itself: it finds what it is to find, and nothing else.
export type Helper = [
  True<HoldsAny<{ a: { b: ReturnType<typeof JSON.parse> }[] }>>,
  True<HoldsAny<(input: ReturnType<typeof JSON.parse>) => void>>,
  True<HoldsAny<string | { a?: () => ReturnType<typeof JSON.parse> }>>,
  False<HoldsAny<{ a: unknown; b: never; c: { d?: string }[]; e: () => void; f: Buffer }>>,
];

// Every type that the package exports; a new one belongs here too.
export type Exported = [
  False<HoldsAny<core.AcceptedOutcome>>,
  False<HoldsAny<core.AnyCakemailEvent>>,
  False<HoldsAny<core.CakemailEvent>>,
  False<HoldsAny<core.CakemailEventData>>,
  False<HoldsAny<core.Delivery>>,
  False<HoldsAny<core.DeliveryNotice>>,
  False<HoldsAny<core.EventEnvelope>>,
  False<HoldsAny<core.FailedOutcome>>,
  False<HoldsAny<core.HandlerOptions>>,
  False<HoldsAny<core.HeadersInput>>,
  False<HoldsAny<core.IncomingDelivery>>,
  False<HoldsAny<core.Issue>>,
  False<HoldsAny<core.LifecycleEmitter>>,
  False<HoldsAny<core.LifecycleEvents>>,
  False<HoldsAny<core.LifecycleNotices>>,
  False<HoldsAny<core.Logger>>,
  False<HoldsAny<core.MemoryOptions>>,
  False<HoldsAny<core.Outcome>>,
  False<HoldsAny<core.PlainHeaders>>,
  False<HoldsAny<core.RejectedOutcome>>,
  False<HoldsAny<core.Reservation>>,
  False<HoldsAny<core.SchemaMap>>,
  False<HoldsAny<core.SecretInput>>,
  False<HoldsAny<core.SecretsByEvent>>,
  False<HoldsAny<core.SecretsRequest>>,
  False<HoldsAny<core.SecretsSource>>,
  False<HoldsAny<core.DedupeStore>>,
  False<HoldsAny<core.TimeLimits>>,
  False<HoldsAny<core.UnknownEvent>>,
  False<HoldsAny<core.UserLoggedInData>>,
  False<HoldsAny<core.VerifiedInput>>,
  False<HoldsAny<core.WebhookRouterOptions>>,
  // HoldsAny checks only the parameters and the result of a function; `Pick` turns it into an object, whose members it checks.
  False<HoldsAny<core.WebhookRouter>>,
  False<HoldsAny<Pick<core.WebhookRouter, Exclude<keyof core.WebhookRouter, 'lifecycle'>>>>,
  False<HoldsAny<typeof core.createWebhookRouter>>,
  False<HoldsAny<typeof core.keepRawBody>>,
  False<HoldsAny<typeof core.EVENT_NAMES>>,
  False<HoldsAny<typeof core.EVENT_GROUPS>>,
  // `Error` is the platform's; these are what the package adds to it.
  False<HoldsAny<Omit<core.WebhookError, keyof Error>>>,
  False<HoldsAny<Omit<core.HandlerError, keyof Error>>>,
  False<HoldsAny<ConstructorParameters<typeof core.WebhookError>>>,
  False<HoldsAny<ConstructorParameters<typeof core.MemoryDedupeStore>>>,
  False<HoldsAny<core.MemoryDedupeStore>>,
  False<HoldsAny<core.NamedSecret>>,
  False<HoldsAny<core.RouterInbox>>,
  False<HoldsAny<core.Attempt>>,
  False<HoldsAny<core.WorkerOptions>>,
  False<HoldsAny<core.StoredDelivery>>,
  False<HoldsAny<Omit<core.LeasedDelivery, 'completed'>>>,
  False<HoldsAny<core.InFrontOptions>>,
  False<HoldsAny<core.NodeListener>>,
  False<HoldsAny<inbox.Inbox>>,
  False<HoldsAny<inbox.InboxDelivery>>,
  False<HoldsAny<inbox.InboxFilter>>,
  False<HoldsAny<inbox.InboxOptions>>,
  False<HoldsAny<inbox.InboxStats>>,
  False<HoldsAny<typeof inbox.openInbox>>,
  False<HoldsAny<api.ApplyResult>>,
  False<HoldsAny<api.ApplyOptions>>,
  False<HoldsAny<api.CakemailApiOptions>>,
  False<HoldsAny<api.CakemailKeys>>,
  False<HoldsAny<api.CakemailKeysOptions>>,
  False<HoldsAny<api.ExportKeysOptions>>,
  False<HoldsAny<api.NewWebhook>>,
  False<HoldsAny<api.Plan>>,
  False<HoldsAny<api.RotateOptions>>,
  False<HoldsAny<api.RotationResult>>,
  False<HoldsAny<api.WebhookWithKey>>,
  False<HoldsAny<api.DesiredState>>,
  False<HoldsAny<api.WebhookChanges>>,
  False<HoldsAny<Omit<api.Webhooks, 'list'>>>,
  False<HoldsAny<typeof api.applyPlan>>,
  False<HoldsAny<typeof api.cakemailKeys>>,
  False<HoldsAny<typeof api.exportKeys>>,
  False<HoldsAny<typeof api.planWebhooks>>,
  False<HoldsAny<typeof api.rotateWebhook>>,
  False<HoldsAny<ConstructorParameters<typeof api.CakemailApi>>>,
  False<HoldsAny<Omit<api.CakemailApiError, keyof Error>>>,
  False<HoldsAny<typeof testing.sampleEvent>>,
  False<HoldsAny<typeof testing.sign>>,
  False<HoldsAny<typeof testing.signedRequest>>,
  False<HoldsAny<testing.SignedRequest>>,
  False<HoldsAny<testing.SignOptions>>,
  False<HoldsAny<testing.SampleOverrides<'Email.Sent'>>>,
];

/** Compiles only when none of what a callback is handed is `any`. */
type NoneIsAny<A extends readonly unknown[]> = true extends { [K in keyof A]: IsAny<A[K]> }[number] ? never : unknown;
declare function typed<A extends readonly unknown[]>(...values: A & NoneIsAny<A>): void;

// What the compiler infers where a user writes no types at all.
const webhooks = createWebhookRouter({ secret: 'key' });
webhooks.on('User.LoggedIn', (event, delivery) => typed(event, event.event, event.data, event.user, delivery));
webhooks.on('Email.Sent', (event, delivery) => typed(event, event.data, event.data['email'], delivery.headers['x']));
webhooks.on(['Email.Sent', 'User.LoggedIn'], (event, delivery) => typed(event, event.data, delivery));
webhooks.on('Email.*', (event, delivery) => typed(event, event.data, delivery));
webhooks.on('User.*', (event, delivery) => typed(event, event.data, delivery), { id: 'users' });
webhooks.onAny((event, delivery) => typed(event, event.event, event.data, event.user, delivery));
webhooks.onUnhandled((event, delivery) => typed(event, event.data, delivery));
webhooks.onError((error, delivery) => typed(error, error.cause, delivery));
webhooks.lifecycle.on('received', (notice) => typed(notice, notice.bytes));
webhooks.lifecycle.on('verified', (notice) => typed(notice, notice.keys));
webhooks.lifecycle.on('rejected', (notice) => typed(notice, notice.reason, notice.cause));
webhooks.lifecycle.on('drift', (notice) => typed(notice, notice.issues, notice.event));
webhooks.lifecycle.on('handled', (notice) => typed(notice, notice.event, notice.delivery));
webhooks.lifecycle.on('failed', (notice) => typed(notice, notice.error, notice.error.cause));
webhooks.lifecycle.on('late', (notice) => typed(notice, notice.error));
webhooks.lifecycle.on('duplicate', (notice) => typed(notice, notice.joined));
void webhooks.receive({ rawBody: '', headers: {} }).then((outcome) => typed(outcome, outcome.kind, outcome.status));
void webhooks.handleVerified({ rawBody: '' }).then((outcome) => typed(outcome, outcome.kind, outcome.status));

// @ts-expect-error the check above would notice
typed('fine', JSON.parse('{}'));
