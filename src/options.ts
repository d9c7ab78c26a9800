import type { StandardSchemaV1 } from '@standard-schema/spec';
import { MemoryDedupeStore, type MemoryOptions } from './dedupe/memory-store.js';
import type { DedupeStore } from './dedupe/store.js';
import type { RouterInbox } from './delivery/stored-delivery.js';
import { isListed, nearestListed } from './events/catalogue.js';
import type { EventName, SchemaMap } from './events/event-types.js';
import type { Schemas } from './events/schemas.js';
import type { BodyLimits } from './http/body/captured-body.js';
import { createLog, cut, type Log, type Logger } from './instrumentation/logger.js';
import { ConfigurationError } from './shared/errors.js';
import { SIGNATURE_HEADERS } from './shared/headers.js';
import { checkMembers, choice, flag, invalid, wholeNumber } from './shared/option-checks.js';
import { LONGEST_DELAY_MS } from './shared/promises.js';
import { boundEvents, createKeyRing, type SecretInput, shownName } from './signature/key-ring.js';
import { fixedKeys, type KeySource, loadedKeys, type SecretsSource } from './signature/key-source.js';

/** Time limits in milliseconds. */
export interface TimeLimits {
  /** For all handlers of one delivery. Default 30,000. */
  readonly handler?: number;
  /** For a request's body to arrive. Default 10,000. */
  readonly body?: number;
  /** For a `secrets` function or a dedupe store to answer. Default 5,000. */
  readonly keys?: number;
}

/** Options of `createWebhookRouter`. One of `secret` and `secrets` is required. */
export interface WebhookRouterOptions<S extends SchemaMap = Record<never, never>> {
  /**
   * The webhook's key: one, a list (every one is tried, for rotation), or a map from event name to one or a list, which
   * binds keys to events. Cakemail shows a webhook's key in `GET /webhooks/{id}` as `signature.key`.
   */
  readonly secret?: SecretInput | undefined;
  /** In place of `secret`: a function that loads the keys, in the same forms. */
  readonly secrets?: SecretsSource | undefined;
  /** Milliseconds for which loaded keys are used. Default 60,000. */
  readonly secretsMaxAgeMs?: number | undefined;
  /**
   * Header that carries the signature, or several to look at in order. Default `x-signature`, then `x-cakemail-signature`.
   * Headers whose duplicates Node hides, such as `authorization`, are refused.
   */
  readonly header?: string | readonly string[] | undefined;
  /**
   * Milliseconds that may have passed since the signed time of an event (`created_on` or `timestamp`); an older one is
   * refused with 403, reason `too_old`, and so is an event without a readable time. The signed time is the only freshness
   * that Cakemail sends, and the dedupe memory forgets, so without this option an old delivery can be replayed. It does not
   * apply to what an inbox already holds. Future times are accepted. Off by default.
   */
  readonly maxAgeMs?: number | undefined;
  /** The largest body in bytes, after inflating. Default 262,144 (256 KiB). */
  readonly limit?: number | undefined;
  /** Whether compressed bodies (gzip, deflate, br) are accepted; the signature is then of the inflated bytes. Default false. */
  readonly inflate?: boolean | undefined;
  /** Time limits in milliseconds: one number for all, or one by one. */
  readonly timeoutMs?: number | TimeLimits | undefined;
  /** Whether a delivery runs once: on by default, in memory. `false`, sizes of the memory, or a store of your own. */
  readonly dedupe?: boolean | MemoryOptions | DedupeStore | undefined;
  /**
   * An inbox of `openInbox()`: deliveries are stored, answered 202, and handled by a worker with retries. It takes the
   * place of `dedupe`.
   */
  readonly inbox?: RouterInbox | undefined;
  /**
   * Whether this process works on what the inbox holds: by default 10 deliveries at a time. `false` makes it
   * receive-only, or leaves it to `work()`.
   */
  readonly worker?: boolean | { readonly concurrency?: number } | undefined;
  /** Your schemas for `data`, by event name: Standard Schemas (of zod, valibot, arktype, …). */
  readonly schemas?: (S & { readonly [N in Exclude<keyof S, EventName>]: never }) | undefined;
  /** What becomes of an event that your schema refuses: 422 (`'reject'`, the default), or delivered as it is with a `drift` notice: then the type of `data` is a wish and no check. */
  readonly onSchemaMismatch?: 'reject' | 'deliver' | undefined;
  /**
   * Who answers failures: this router (`'respond'`, the default), or the app's error middleware, by `next(error)`.
   * A request that goes on after it was refused is always answered here, because its connection must be ended.
   */
  readonly errors?: 'respond' | 'next' | undefined;
  /** Where to log, shaped like pino. Silent by default. */
  readonly logger?: Logger | undefined;
  /** Tell verified senders what failed, for development. Default false. */
  readonly exposeErrors?: boolean | undefined;
  /** Accept unsigned requests. Refused when NODE_ENV is `production`. Anybody can then forge events. */
  readonly dangerouslySkipVerification?: boolean | undefined;
}

/** The options after checking, with their defaults. */
export interface Settings {
  /** Undefined when verification is switched off. */
  readonly keys: KeySource | undefined;
  readonly headerNames: readonly string[];
  /** Undefined for any age. */
  readonly maxAgeMs: number | undefined;
  readonly body: BodyLimits;
  readonly timeouts: Omit<Required<TimeLimits>, 'body'>;
  readonly dedupe: DedupeStore | undefined;
  readonly inbox: RouterInbox | undefined;
  /** How many deliveries of the inbox are worked on at a time from the start; undefined for none. */
  readonly concurrency: number | undefined;
  readonly schemas: Schemas;
  readonly rejectMismatch: boolean;
  readonly errors: 'respond' | 'next';
  readonly log: Log;
  readonly hasLogger: boolean;
  readonly exposeErrors: boolean;
}

export const OPTION_NAMES = [
  'secret',
  'secrets',
  'secretsMaxAgeMs',
  'header',
  'maxAgeMs',
  'limit',
  'inflate',
  'timeoutMs',
  'dedupe',
  'inbox',
  'worker',
  'schemas',
  'onSchemaMismatch',
  'errors',
  'logger',
  'exposeErrors',
  'dangerouslySkipVerification',
] as const satisfies readonly (keyof WebhookRouterOptions)[];

/** Deliveries of an inbox that are worked on at a time, unless told. */
export const DEFAULT_CONCURRENCY = 10;

const DEFAULT_TIMEOUTS: Required<TimeLimits> = { handler: 30_000, body: 10_000, keys: 5_000 };

/** Checks the options and fills in the defaults. Throws a ConfigurationError that names the option and the fix. */
export function resolveOptions(options: WebhookRouterOptions<SchemaMap>): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError('ERR_SECRET_MISSING', 'createWebhookRouter needs options: { secret }.');
  }
  checkMembers(undefined, options, OPTION_NAMES);
  const log = createLog(checkLogger(options.logger));
  const { body: bodyTimeoutMs, ...timeouts } = resolveTimeouts(options.timeoutMs);
  return {
    keys: resolveKeys(options, timeouts.keys, log),
    headerNames: resolveHeaderNames(options.header),
    maxAgeMs: options.maxAgeMs === undefined ? undefined : wholeNumber('maxAgeMs', options.maxAgeMs, 0),
    body: {
      limit: wholeNumber('limit', options.limit, 256 * 1024),
      inflate: flag('inflate', options.inflate),
      timeoutMs: bodyTimeoutMs,
    },
    timeouts,
    dedupe: resolveDedupe(options.inbox === undefined ? options.dedupe : false),
    ...resolveInbox(options),
    schemas: resolveSchemas(options.schemas, log),
    rejectMismatch: choice('onSchemaMismatch', options.onSchemaMismatch, ['reject', 'deliver']) === 'reject',
    errors: choice('errors', options.errors, ['respond', 'next']),
    log,
    hasLogger: options.logger !== undefined,
    exposeErrors: flag('exposeErrors', options.exposeErrors),
  };
}

function resolveKeys(options: WebhookRouterOptions<SchemaMap>, timeoutMs: number, log: Log): KeySource | undefined {
  const warn = (message: string): void => log.warnDeveloper('WARN_SECRET', message);
  const maxAgeMs = wholeNumber('secretsMaxAgeMs', options.secretsMaxAgeMs, 60_000);
  if (flag('dangerouslySkipVerification', options.dangerouslySkipVerification)) {
    if (process.env.NODE_ENV === 'production') {
      throw new ConfigurationError('ERR_VERIFICATION_DISABLED', '`dangerouslySkipVerification` is set in production.');
    }
    log.warnDeveloper('WARN_UNVERIFIED', 'Signatures are not verified: anybody can send events to this app.');
    return undefined;
  }
  if (options.secrets === undefined) {
    const ring = createKeyRing(options.secret, 'secret', warn);
    for (const name of boundEvents(ring)) checkName(name, '`secret`', shownName(name), log);
    return fixedKeys(ring);
  }
  if (options.secret !== undefined) throw invalid('Pass `secret` or `secrets`, not both.');
  if (typeof options.secrets !== 'function') {
    throw new ConfigurationError(
      'ERR_SECRET_MISSING',
      '`secrets` is not a function; keys themselves go into `secret`.',
    );
  }
  return loadedKeys(options.secrets, { maxAgeMs, timeoutMs, warn });
}

/**
 * Headers whose duplicates Node drops or joins in its own way (see `message.headers` in the documentation of node:http). A
 * signature that is sent twice must be refused, and under these names it could not be noticed.
 */
const DUPLICATES_HIDDEN: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'cookie',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'set-cookie',
  'user-agent',
]);

function resolveHeaderNames(header: string | readonly string[] = SIGNATURE_HEADERS): string[] {
  const names: readonly string[] = Array.isArray(header) ? header : [header];
  const valid =
    names.length > 0 && names.every((name) => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name));
  if (!valid) throw invalid('`header` must be the name of an HTTP header, or a list of names.');
  const lowerCase = names.map((name) => name.toLowerCase());
  for (const name of lowerCase) {
    if (!DUPLICATES_HIDDEN.has(name)) continue;
    throw invalid(`\`header\` cannot be '${name}', because Node hides it when that header is sent twice.`);
  }
  return lowerCase;
}

function resolveTimeouts(value: number | TimeLimits = {}): Required<TimeLimits> {
  if (typeof value === 'number') {
    const all = wholeNumber('timeoutMs', value, 0, LONGEST_DELAY_MS);
    return { handler: all, body: all, keys: all };
  }
  checkMembers('timeoutMs', value, ['handler', 'body', 'keys']);
  return {
    handler: wholeNumber('timeoutMs.handler', value.handler, DEFAULT_TIMEOUTS.handler, LONGEST_DELAY_MS),
    body: wholeNumber('timeoutMs.body', value.body, DEFAULT_TIMEOUTS.body, LONGEST_DELAY_MS),
    keys: wholeNumber('timeoutMs.keys', value.keys, DEFAULT_TIMEOUTS.keys, LONGEST_DELAY_MS),
  };
}

function resolveDedupe(value: boolean | MemoryOptions | DedupeStore = true): DedupeStore | undefined {
  if (value === false) return undefined;
  if (value === true) return new MemoryDedupeStore();
  if (typeof value === 'object' && value !== null && 'reserve' in value) {
    const complete = [value.reserve, value.finish, value.release].every((method) => typeof method === 'function');
    if (!complete) throw invalid('A `dedupe` store needs the methods reserve, finish and release.');
    return value;
  }
  checkMembers('dedupe', value, ['ttlMs', 'max']);
  return new MemoryDedupeStore(value);
}

function resolveInbox({ inbox, worker = true, dedupe }: WebhookRouterOptions<SchemaMap>) {
  if (inbox === undefined) {
    if (worker !== true) throw invalid('`worker` needs an `inbox`.');
    return { inbox, concurrency: undefined };
  }
  const complete = [inbox?.store, inbox?.work, inbox?.close].every((method) => typeof method === 'function');
  if (!complete) throw invalid('`inbox` must be what `await openInbox(…)` gives.');
  if (dedupe !== undefined) throw invalid('Pass `inbox` or `dedupe`, not both: an inbox knows what it holds.');
  if (typeof worker === 'boolean') return { inbox, concurrency: worker ? DEFAULT_CONCURRENCY : undefined };
  checkMembers('worker', worker, ['concurrency']);
  return { inbox, concurrency: wholeNumber('worker.concurrency', worker.concurrency, DEFAULT_CONCURRENCY) };
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
    checkName(name, '`schemas`', `'${cut(name)}'`, log);
  }
  return new Map(given);
}

/** For what takes names only: a pattern there would silently cover nothing. */
function checkName(name: string, where: string, shown: string, log: Log): void {
  if (name.endsWith('.*')) throw invalid(`${where}: ${shown} is a pattern. List the names of its events.`);
  warnOfUnlisted(name, where, shown, log);
}

/** Warns when a name is not in the catalogue. It may be new, so it is used all the same. */
export function warnOfUnlisted(name: string, where: string, shown: string, log: Log): void {
  if (isListed(name)) return;
  const meant = nearestListed(name);
  const hint = name === '*' ? ' For every event use onAny().' : meant === undefined ? '' : ` Did you mean '${meant}'?`;
  log.warnDeveloper('WARN_EVENT_NAME', `${where}: Cakemail publishes no event ${shown}.${hint}`);
}

function checkLogger(logger: Logger | undefined): Logger | undefined {
  if (logger === undefined || (typeof logger === 'object' && logger !== null)) return logger;
  throw invalid('`logger` must be an object with methods such as info(fields, message), like pino.');
}
