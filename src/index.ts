export { MemoryDedupeStore, type MemoryOptions } from './dedupe/memory-store.js';
export type { DedupeStore, Reservation } from './dedupe/store.js';
export type { Delivery, IncomingDelivery } from './delivery/delivery.js';
export type {
  AcceptedOutcome,
  FailedOutcome,
  Outcome,
  RejectedOutcome,
  RejectionReason,
} from './delivery/outcome.js';
export type { OutcomeResponse } from './delivery/responses.js';
export type {
  Attempt,
  AttemptResult,
  CompletedHandlers,
  DeadReason,
  InboxWorker,
  LeasedDelivery,
  RouterInbox,
  StoredDelivery,
  WorkerOptions,
} from './delivery/stored-delivery.js';
export { type CatalogueName, EVENT_GROUPS, EVENT_NAMES } from './events/catalogue.js';
export type { Issue } from './events/documented.js';
export type {
  AnyCakemailEvent,
  CakemailEvent,
  CakemailEventData,
  CheckedNames,
  EventEnvelope,
  EventGroup,
  EventName,
  EventOf,
  EventPattern,
  EventSelector,
  SchemaMap,
  UnknownEvent,
  Unlisted,
  UserLoggedInData,
} from './events/event-types.js';
export type { HandlerOptions } from './handlers/registrations.js';
export { keepRawBody } from './http/body/keep-raw-body.js';
export type {
  DeliveryNotice,
  LifecycleEmitter,
  LifecycleEvents,
  LifecycleNotices,
} from './instrumentation/lifecycle.js';
export type { LogFields, Logger, LogLevel } from './instrumentation/logger.js';
export type { TimeLimits, WebhookRouterOptions } from './options.js';
export { createWebhookRouter } from './router.js';
export type { ErrorSummary } from './shared/error-text.js';
export {
  ConfigurationError,
  HandlerError,
  PermanentError,
  WebhookError,
  type WebhookErrorCode,
} from './shared/errors.js';
export type { HeadersInput, PlainHeaders } from './shared/headers.js';
export type { Awaitable } from './shared/promises.js';
export type { NamedSecret, Secret, SecretInput, SecretsByEvent } from './signature/key-ring.js';
export type { SecretsRequest, SecretsSource } from './signature/key-source.js';
export type {
  InFrontOptions,
  NodeListener,
  SelectedEvent,
  Unsubscribe,
  VerifiedInput,
  WebhookRouter,
} from './types.js';
