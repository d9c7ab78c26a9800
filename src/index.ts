export { MemoryDedupeStore, type MemoryOptions } from './dedupe/memory-store.js';
export type { DedupeStore, Reservation } from './dedupe/store.js';
export type { Delivery } from './delivery/delivery.js';
export type {
  AcceptedOutcome,
  FailedOutcome,
  Outcome,
  OutcomeResponse,
  RejectedOutcome,
  RejectionReason,
} from './delivery/outcome.js';
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
export { keepRawBody } from './http/body/keep-raw-body.js';
export type { InFrontOptions, NodeListener } from './http/in-front.js';
export type {
  DeliveryNotice,
  LifecycleEmitter,
  LifecycleEvents,
  LifecycleNotices,
} from './instrumentation/lifecycle.js';
export type { LogFields, Logger, LogLevel } from './instrumentation/logger.js';
export type { TimeLimits, WebhookRouterOptions } from './options.js';
export type { IncomingDelivery } from './pipeline.js';
export { createWebhookRouter } from './router.js';
export {
  ConfigurationError,
  type ErrorSummary,
  HandlerError,
  PermanentError,
  WebhookError,
  type WebhookErrorCode,
} from './shared/errors.js';
export type { HeadersInput, PlainHeaders } from './shared/headers.js';
export type { Awaitable } from './shared/promises.js';
export type { NamedSecret, Secret, SecretInput, SecretsByEvent } from './signature/key-ring.js';
export type { SecretsSource } from './signature/key-source.js';
export type { SelectedEvent, Unsubscribe, WebhookRouter } from './types.js';
