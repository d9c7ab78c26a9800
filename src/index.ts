export { keepRawBody } from './body/keep-raw-body.js';
export { MemoryDedupeStore, type MemoryOptions } from './dedupe/memory.js';
export type { DedupeStore, Reservation } from './dedupe/store.js';
export type { Delivery } from './delivery.js';
export type {
  Attempt,
  DeadReason,
  DeliveryStore,
  DurableWorker,
  LeasedDelivery,
  RouterInbox,
  StoredDelivery,
  Verdict,
  WorkerHooks,
  WorkOptions,
} from './durable/store.js';
export {
  ConfigurationError,
  type ErrorSummary,
  HandlerError,
  PermanentError,
  WebhookError,
  type WebhookErrorCode,
} from './errors.js';
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
} from './events/types.js';
export type { HeadersInput, PlainHeaders } from './headers.js';
export type { InFrontOptions, NodeListener } from './http/in-front.js';
export type { DeliveryNotice, LifecycleEmitter, LifecycleEvents, LifecycleNotices } from './lifecycle.js';
export type { LogFields, Logger, LogLevel } from './log/logger.js';
export type { TimeLimits, WebhookRouterOptions } from './options.js';
export type {
  AcceptedOutcome,
  FailedOutcome,
  Outcome,
  OutcomeResponse,
  RejectedOutcome,
  RejectionReason,
} from './outcome.js';
export type { IncomingDelivery } from './receive.js';
export { createWebhookRouter } from './router.js';
export type { SecretsSource } from './signature/key-source.js';
export type { NamedSecret, Secret, SecretInput, SecretsByEvent } from './signature/keys.js';
export type { Awaitable } from './time.js';
export type { SelectedEvent, Unsubscribe, WebhookRouter } from './webhook-router.js';
