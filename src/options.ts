import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { MemoryOptions } from './dedupe/memory-store.js';
import { resolveStore } from './dedupe/resolve-store.js';
import type { DedupeStore } from './dedupe/store.js';
import type { RouterInbox } from './delivery/stored-delivery.js';
import type { EventName, SchemaMap } from './events/event-types.js';
import type { Schemas } from './events/schemas.js';
import { checkEventName } from './instrumentation/check-event-name.js';
import { createLog, type Log, type Logger, truncateName } from './instrumentation/logger.js';
import { ConfigurationError } from './shared/errors.js';
import { invalid, oneOf, positiveInteger, rejectUnknownKeys } from './shared/option-checks.js';
import { LONGEST_DELAY_MS } from './shared/promises.js';
import { resolveHeaderNames } from './signature/header-names.js';
import { boundEvents, createKeyRing, type SecretInput, shownName } from './signature/key-ring.js';
import { fixedKeys, type KeySource, LoadedKeys, type SecretsSource } from './signature/key-source.js';

/** Time limits in milliseconds. */
export interface TimeLimits {
  /** Limit for all handlers of one delivery together. Default 30,000. */
  readonly handler?: number;
  /** Limit for a request's body to arrive. Default 10,000. */
  readonly body?: number;
  /** Limit for each call of a dependency: the `secrets` function or the dedupe store. Default 5,000. */
  readonly dependency?: number;
}

/** Options of `createWebhookRouter`. Either `secret` or `secrets` is required. */
export interface WebhookRouterOptions<S extends SchemaMap = Record<never, never>> {
  /**
   * The webhook's key, a list of keys (every key is tried, for rotation), or a map from event names to keys, which binds them
   * to their events. Cakemail shows the key of a webhook in `GET /webhooks/{id}` as `signature.key`.
   */
  readonly secret?: SecretInput | undefined;
  /** A function that loads the keys, in the same forms as `secret`, which it replaces. */
  readonly secrets?: SecretsSource | undefined;
  /** Milliseconds for which loaded keys are reused. Default 60,000. */
  readonly secretsMaxAgeMs?: number | undefined;
  /**
   * The header with the signature, or several in order of preference. Default `x-signature`, then `x-cakemail-signature`.
   * Headers whose duplicates Node hides, such as `authorization`, are refused.
   */
  readonly signatureHeader?: string | readonly string[] | undefined;
  /**
   * The maximum age of an event in milliseconds, by its signed time (`created_on` or `timestamp`). An older event, or one
   * without a readable time, is rejected with 403 and the reason `too_old`. Without this option an old delivery can be
   * replayed once the dedupe memory has forgotten it. Deliveries that an inbox already holds are not checked again. Future
   * times are accepted. Off by default.
   */
  readonly maxAgeMs?: number | undefined;
  /** The maximum size of a body in bytes. Default 262,144 (256 KiB). Compressed bodies are rejected with 415. */
  readonly limit?: number | undefined;
  /** Time limits in milliseconds: one number for all, or an object with one per limit. */
  readonly timeoutMs?: number | TimeLimits | undefined;
  /** Runs each delivery once. On by default, in memory. Pass `false`, the limits of the memory, or your own store. */
  readonly dedupe?: boolean | MemoryOptions | DedupeStore | undefined;
  /**
   * An inbox from `openInbox()`. It stores deliveries, which get 202, and a worker handles them with retries. An inbox replaces
   * `dedupe`.
   */
  readonly inbox?: RouterInbox | undefined;
  /**
   * The worker of the inbox in this process. By default it handles 10 deliveries at the same time. With `false` this process
   * only stores deliveries until `work()` is called.
   */
  readonly worker?: boolean | { readonly concurrency?: number } | undefined;
  /** Your schemas for `data` by event name, from any library that implements Standard Schema (zod, valibot, arktype, …). */
  readonly schemas?: (S & { readonly [N in Exclude<keyof S, EventName>]: never }) | undefined;
  /**
   * The policy for an event that your schema refuses. `'reject'` (the default) responds with 422. `'deliver'` delivers it
   * unchanged with a `drift` notice, so `data` may not have its type.
   */
  readonly onSchemaMismatch?: 'reject' | 'deliver' | undefined;
  /**
   * `'respond'` (the default) makes the router respond to failures. `'next'` passes them to the app's error middleware. The
   * router always responds when it stopped reading a body, because it must end the connection.
   */
  readonly errors?: 'respond' | 'next' | undefined;
  /** A logger with the methods of pino. Silent by default. */
  readonly logger?: Logger | undefined;
}

/** The checked options with their defaults. */
export interface Settings {
  readonly keys: KeySource;
  readonly headerNames: readonly string[];
  /** Undefined when events of any age are accepted. */
  readonly maxAgeMs: number | undefined;
  readonly body: { readonly limit: number; readonly timeoutMs: number };
  readonly timeouts: Omit<Required<TimeLimits>, 'body'>;
  readonly dedupe: DedupeStore | undefined;
  readonly inbox: RouterInbox | undefined;
  /** The concurrency of the worker that starts with the router, or undefined when none starts. */
  readonly concurrency: number | undefined;
  readonly schemas: Schemas;
  readonly rejectMismatch: boolean;
  readonly errors: 'respond' | 'next';
  readonly log: Log;
  readonly hasLogger: boolean;
}

export const OPTION_NAMES = [
  'secret',
  'secrets',
  'secretsMaxAgeMs',
  'signatureHeader',
  'maxAgeMs',
  'limit',
  'timeoutMs',
  'dedupe',
  'inbox',
  'worker',
  'schemas',
  'onSchemaMismatch',
  'errors',
  'logger',
] as const satisfies readonly (keyof WebhookRouterOptions)[];

/** Messages that name the replacement of a renamed or removed option, by the option's path. */
const REMOVED_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['header', '`header` is now `signatureHeader`.'],
  [
    'inflate',
    '`inflate` was removed. Compressed bodies get 415; let the proxy in front of this app decompress requests.',
  ],
  [
    'exposeErrors',
    "`exposeErrors` was removed. Listen to `lifecycle.on('rejected')` and `lifecycle.on('failed')`, or pass a `logger`.",
  ],
  [
    'dangerouslySkipVerification',
    '`dangerouslySkipVerification` was removed. Use `handleVerified()` for deliveries that were verified before, and sign test deliveries with `cakemail-webhooks/testing`.',
  ],
  ['timeoutMs.keys', '`timeoutMs.keys` is now `timeoutMs.dependency`.'],
]);

/** The default number of deliveries that a worker handles at the same time. */
export const DEFAULT_CONCURRENCY = 10;

const DEFAULT_TIMEOUTS: Required<TimeLimits> = { handler: 30_000, body: 10_000, dependency: 5_000 };

/** Checks the options and fills in the defaults. Throws a ConfigurationError that names the option and the fix. */
export function resolveOptions(options: WebhookRouterOptions<SchemaMap>): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError('ERR_SECRET_MISSING', 'createWebhookRouter needs options: { secret }.');
  }
  rejectUnknownKeys(undefined, options, OPTION_NAMES, REMOVED_OPTIONS);
  const log = createLog(checkLogger(options.logger));
  const { body: bodyTimeoutMs, ...timeouts } = resolveTimeouts(options.timeoutMs);
  return {
    keys: resolveKeys(options, timeouts.dependency, log),
    headerNames: resolveHeaderNames(options.signatureHeader),
    maxAgeMs: options.maxAgeMs === undefined ? undefined : positiveInteger('maxAgeMs', options.maxAgeMs, 0),
    body: {
      limit: positiveInteger('limit', options.limit, 256 * 1024),
      timeoutMs: bodyTimeoutMs,
    },
    timeouts,
    dedupe: resolveStore(options.inbox === undefined ? options.dedupe : false),
    ...resolveInbox(options),
    schemas: resolveSchemas(options.schemas, log),
    rejectMismatch: oneOf('onSchemaMismatch', options.onSchemaMismatch, ['reject', 'deliver']) === 'reject',
    errors: oneOf('errors', options.errors, ['respond', 'next']),
    log,
    hasLogger: options.logger !== undefined,
  };
}

function resolveKeys(options: WebhookRouterOptions<SchemaMap>, timeoutMs: number, log: Log): KeySource {
  const warn = (message: string): void => log.warnDeveloper('WARN_SECRET', message);
  const maxAgeMs = positiveInteger('secretsMaxAgeMs', options.secretsMaxAgeMs, 60_000);
  if (options.secrets === undefined) {
    const ring = createKeyRing(options.secret, 'secret', warn);
    for (const name of boundEvents(ring)) checkEventName(name, '`secret`', shownName(name), log);
    return fixedKeys(ring);
  }
  if (options.secret !== undefined) throw invalid('Pass `secret` or `secrets`, not both.');
  if (typeof options.secrets !== 'function') {
    throw new ConfigurationError('ERR_SECRET_MISSING', '`secrets` must be a function. Pass keys as `secret`.');
  }
  return new LoadedKeys(options.secrets, { maxAgeMs, timeoutMs, warn });
}

function resolveTimeouts(value: number | TimeLimits = {}): Required<TimeLimits> {
  if (typeof value === 'number') {
    const all = positiveInteger('timeoutMs', value, 0, LONGEST_DELAY_MS);
    return { handler: all, body: all, dependency: all };
  }
  rejectUnknownKeys('timeoutMs', value, ['handler', 'body', 'dependency'], REMOVED_OPTIONS);
  return {
    handler: positiveInteger('timeoutMs.handler', value.handler, DEFAULT_TIMEOUTS.handler, LONGEST_DELAY_MS),
    body: positiveInteger('timeoutMs.body', value.body, DEFAULT_TIMEOUTS.body, LONGEST_DELAY_MS),
    dependency: positiveInteger(
      'timeoutMs.dependency',
      value.dependency,
      DEFAULT_TIMEOUTS.dependency,
      LONGEST_DELAY_MS,
    ),
  };
}

function resolveInbox({ inbox, worker = true, dedupe }: WebhookRouterOptions<SchemaMap>) {
  if (inbox === undefined) {
    if (worker !== true) throw invalid('`worker` needs an `inbox`.');
    return { inbox, concurrency: undefined };
  }
  const complete = [inbox?.store, inbox?.work, inbox?.close].every((method) => typeof method === 'function');
  if (!complete) throw invalid('`inbox` must be the result of `await openInbox(…)`.');
  if (dedupe !== undefined)
    throw invalid('Pass `inbox` or `dedupe`, not both, because an inbox also recognizes duplicates.');
  if (typeof worker === 'boolean') return { inbox, concurrency: worker ? DEFAULT_CONCURRENCY : undefined };
  rejectUnknownKeys('worker', worker, ['concurrency']);
  return { inbox, concurrency: positiveInteger('worker.concurrency', worker.concurrency, DEFAULT_CONCURRENCY) };
}

function resolveSchemas(schemas: SchemaMap = {}, log: Log): Schemas {
  if (typeof schemas !== 'object' || schemas === null)
    throw invalid('`schemas` must be an object of schemas by event.');
  const entries = Object.entries(schemas) as [string, StandardSchemaV1 | undefined][];
  const given = entries.filter((entry): entry is [string, StandardSchemaV1] => entry[1] !== undefined);
  for (const [name, schema] of given) {
    if (typeof schema?.['~standard']?.validate !== 'function') {
      throw invalid(`\`schemas['${name}']\` is not a Standard Schema (zod 3.24+, valibot 1+, arktype 2+, …).`);
    }
    checkEventName(name, '`schemas`', `'${truncateName(name)}'`, log);
  }
  return new Map(given);
}

function checkLogger(logger: Logger | undefined): Logger | undefined {
  if (logger === undefined || (typeof logger === 'object' && logger !== null)) return logger;
  throw invalid('`logger` must be an object with methods such as info(fields, message), like pino.');
}
