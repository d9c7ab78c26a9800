import pino from 'pino';
import {
  type AcceptedOutcome,
  type AnyCakemailEvent,
  type CatalogueName,
  ConfigurationError,
  createWebhookRouter,
  type DedupeStore,
  type Delivery,
  type DeliveryNotice,
  type ErrorSummary,
  type EVENT_GROUPS,
  EVENT_NAMES,
  type FailedOutcome,
  HandlerError,
  type IncomingDelivery,
  type LifecycleNotices,
  type Logger,
  MemoryDedupeStore,
  type Outcome,
  type RejectedOutcome,
  type RejectionReason,
  type Reservation,
  type SecretsRequest,
  type SecretsSource,
  WebhookError,
  type WebhookErrorCode,
} from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { type Equal, exactly, type True } from './assert.js';

const webhooks = createWebhookRouter({ secret: 'key' });

// Outcomes narrow on `kind`.
export function describe(outcome: Outcome): string {
  exactly<'handled' | 'unhandled' | 'duplicate' | 'stored' | 'rejected' | 'failed'>()(outcome.kind);
  exactly<number>()(outcome.status);
  // A copy keeps the type, though a mutable member would widen a literal that was only inferred.
  const copy = { kind: outcome.kind };
  exactly<Outcome['kind']>()(copy.kind);
  // @ts-expect-error what was refused has no delivery
  outcome.delivery;
  switch (outcome.kind) {
    case 'handled':
    case 'unhandled':
    case 'duplicate':
    case 'stored':
      exactly<AcceptedOutcome>()(outcome);
      exactly<AnyCakemailEvent>()(outcome.event);
      exactly<200 | 202>()(outcome.status);
      return outcome.delivery.id;
    case 'rejected':
      exactly<RejectedOutcome>()(outcome);
      exactly<RejectionReason>()(outcome.reason);
      exactly<string | undefined>()(outcome.eventName);
      exactly<unknown>()(outcome.cause);
      exactly<WebhookError>()(outcome.error);
      return outcome.reason;
    case 'failed':
      exactly<FailedOutcome>()(outcome);
      exactly<'ERR_HANDLER_FAILED' | 'ERR_HANDLER_TIMEOUT'>()(outcome.code);
      exactly<readonly Error[]>()(outcome.error.errors);
      exactly<Delivery>()(outcome.delivery);
      return outcome.code;
    default:
      return outcome satisfies never;
  }
}

// receive() takes headers from Node, fetch and serverless platforms.
export async function receive(fetched: Request, awsHeaders: Record<string, string | undefined>): Promise<Outcome[]> {
  const rawBody = new Uint8Array(await fetched.arrayBuffer());
  const signed = signedRequest(sampleEvent('User.LoggedIn'), { secret: 'key' });
  const incoming: IncomingDelivery = { rawBody: '{}', headers: { 'x-signature': sign('{}', 'key') } };
  const outcomes = await Promise.all([
    webhooks.receive({ rawBody, headers: fetched.headers }),
    webhooks.receive({ rawBody, headers: awsHeaders }),
    webhooks.receive({ rawBody: Buffer.from(rawBody), headers: { 'x-signature': ['twice', 'sent'] } }),
    webhooks.receive(signed),
    webhooks.receive(incoming),
  ]);
  await fetch('http://localhost/', signed);
  return outcomes;
}

// handleVerified() takes the same bytes; a queue may have kept no headers.
export async function handleVerified(queued: { body: string; headers?: Record<string, string> }): Promise<Outcome[]> {
  exactly<Promise<Outcome>>()(webhooks.handleVerified({ rawBody: queued.body }));
  return Promise.all([
    webhooks.handleVerified({ rawBody: new Uint8Array(1) }),
    webhooks.handleVerified({ rawBody: Buffer.from(queued.body), headers: new Headers() }),
    webhooks.handleVerified({ rawBody: queued.body, headers: { 'user-agent': 'Cakemail' } }),
  ]);
}

// Key sources may use the request, and may say that they cache.
const vault = ({ refresh }: SecretsRequest): string[] => (refresh ? ['new', 'old'] : ['old']);
export const source: SecretsSource = vault;
createWebhookRouter({ secrets: vault });
createWebhookRouter({ secrets: Object.assign(vault, { isCached: true }) });
// @ts-expect-error a source says it by true or false
createWebhookRouter({ secrets: Object.assign(vault, { isCached: 'yes' }) });

// Notices are typed by name.
webhooks.lifecycle.on('received', ({ bytes }) => exactly<number>()(bytes));
webhooks.lifecycle.on('verified', ({ keys }) => exactly<readonly number[]>()(keys));
webhooks.lifecycle.on('rejected', (notice) => {
  exactly<RejectionReason>()(notice.reason);
  exactly<WebhookErrorCode>()(notice.code);
  exactly<number>()(notice.status);
  // @ts-expect-error nothing was delivered
  notice.delivery;
});
webhooks.lifecycle.on('handled', (notice) => {
  exactly<number>()(notice.durationMs);
  exactly<AnyCakemailEvent>()(notice.event);
  exactly<Delivery>()(notice.delivery);
});
webhooks.lifecycle.once('unhandled', ({ durationMs }) => exactly<number>()(durationMs));
webhooks.lifecycle.on('failed', ({ error }) => exactly<HandlerError>()(error));
webhooks.lifecycle.on('dead', ({ eventName, error }) => {
  exactly<string>()(eventName);
  if (error instanceof Error) exactly<Error>()(error);
  else exactly<ErrorSummary>()(error);
});
webhooks.lifecycle.on('late', ({ error }) => exactly<Error>()(error));
webhooks.lifecycle.on('duplicate', ({ joined }) => exactly<boolean>()(joined));
webhooks.lifecycle.on('drift', ({ issues }) => issues.map(({ path, message }) => `${path}: ${message}`));
webhooks.lifecycle.addListener('handled', (notice: DeliveryNotice) => notice.delivery.id).off('handled');
exactly<keyof LifecycleNotices>()(webhooks.lifecycle.eventNames()[0] ?? 'handled');

// @ts-expect-error misspelt
webhooks.lifecycle.on('reject', () => {});
// @ts-expect-error a notice has no such member
webhooks.lifecycle.on('handled', ({ duration }) => duration);
// @ts-expect-error the same for a rejection
webhooks.lifecycle.once('rejected', ({ error }) => error);

/** A store of one's own, shared between processes. */
export class SharedStore implements DedupeStore {
  readonly #attempts = new Map<string, number>();

  async reserve(id: string): Promise<Reservation> {
    const attempt = this.#attempts.get(id) ?? 1;
    return attempt > 9 ? { state: 'finished' } : { state: 'reserved', attempt };
  }

  async finish(id: string): Promise<boolean> {
    return this.#attempts.delete(id);
  }

  release(id: string): void {
    this.#attempts.set(id, 2);
  }
}
createWebhookRouter({ secret: 'key', dedupe: new SharedStore() });
createWebhookRouter({ secret: 'key', dedupe: new MemoryDedupeStore({ maxEntries: 10, ttlMs: 1000 }) });

// @ts-expect-error a store says what it found
export const forgetful: DedupeStore = { reserve: () => true, finish() {}, release() {} };
// @ts-expect-error no such state
export const reservation: Reservation = { state: 'done' };

// Loggers
export const loggers: Logger[] = [pino(), console, {}, { warn: (fields, message) => [fields['code'], message] }];
// @ts-expect-error pino's order is the fields, then the message
export const reversed: Logger = { info: (message: string, fields: object) => [message, fields] };

// Errors
export function explain(error: unknown): string {
  if (error instanceof HandlerError) return error.errors.map(({ message }) => message).join();
  if (error instanceof ConfigurationError) return error.help;
  if (!(error instanceof WebhookError)) return '';
  exactly<WebhookErrorCode>()(error.code);
  // @ts-expect-error not a code
  if (error.code === 'ERR_SIGNATUR') return '';
  return error.code;
}

// The catalogue
exactly<readonly CatalogueName[]>()(EVENT_NAMES);
export type Catalogue = True<Equal<(typeof EVENT_GROUPS)['List'][number], 'Created' | 'Updated' | 'Deleted'>>;

// Samples are typed by name too.
exactly<string>()(sampleEvent('User.LoggedIn').data.email);
sampleEvent('Email.Bounced', { data: { email: 'a@b.example' }, account_id: 1, an_undocumented_member: true });
// @ts-expect-error misspelt
sampleEvent('Email.Bonced');
// @ts-expect-error not what is published
sampleEvent('User.LoggedIn', { data: { email: 1 } });
// @ts-expect-error a key is required
signedRequest('{}', {});
