import { ConfigurationError } from '../shared/errors.js';
import { invalid, positiveInteger, rejectUnknownKeys } from '../shared/option-checks.js';
import { LONGEST_DELAY_MS } from '../shared/promises.js';
import { openBullmqEngine } from './bullmq/bullmq-engine.js';
import { connectPostgres } from './bullmq/postgres.js';
import { connectRedis } from './bullmq/redis.js';
import type { Inbox, InboxOptions, InboxSettings } from './contract.js';
import { openSqliteEngine } from './sqlite/sqlite-engine.js';
import { validatedInbox } from './validated-inbox.js';

const HOUR_MS = 60 * 60 * 1000;
const MIN_LEASE_MS = 1_000;

/**
 * Opens an inbox. Its address chooses the engine:
 * - `file:./webhooks.db`: a SQLite file that the processes of one machine can share (needs `libsql`)
 * - `redis://…`, `rediss://…`: a Redis that many machines can share (needs `bullmq` and `ioredis`)
 * - `postgres://…`, `postgresql://…`: a Postgres that many machines can share (needs `bullmq` and `pg`)
 *
 * ```ts
 * const inbox = await openInbox('file:./webhooks.db');
 * const webhooks = createWebhookRouter({ secret, inbox });
 * ```
 *
 * @throws {ConfigurationError} when an option is invalid, a package is not installed or the store cannot be opened.
 */
export async function openInbox(url: string, options: InboxOptions = {}): Promise<Inbox> {
  const settings = toSettings(options);
  switch (/^([a-z]+):/.exec(String(url))?.[1]) {
    case 'file':
      if (options.name !== undefined) {
        throw invalid('`name` is only for Redis and Postgres, because a file holds exactly one inbox.');
      }
      return validatedInbox(await openSqliteEngine(filePath(url), settings), 'SQLite');
    case 'redis':
    case 'rediss':
      return validatedInbox(await openBullmqEngine((queue) => connectRedis(url, queue), settings), 'Redis');
    case 'postgres':
    case 'postgresql':
      return validatedInbox(await openBullmqEngine((queue) => connectPostgres(url, queue), settings), 'Postgres');
    default:
      // The message leaves out the address, which may contain a password.
      throw new ConfigurationError(
        'ERR_INBOX_OPEN',
        'openInbox() needs an address such as `file:./webhooks.db`, `redis://localhost` or `postgres://localhost/app`.',
      );
  }
}

function filePath(url: string): string {
  const path = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (path !== '') return path;
  throw new ConfigurationError('ERR_INBOX_OPEN', 'The address `file:` does not name a file.');
}

function toSettings(options: InboxOptions): InboxSettings {
  rejectUnknownKeys('openInbox() options', options, ['name', 'retries', 'keepMs', 'keepDeadMs', 'leaseMs', 'pollMs']);
  const { retries = {} } = options;
  rejectUnknownKeys('retries', retries, ['attempts', 'baseMs', 'maxMs']);
  return {
    name: checkedName(options.name ?? 'cakemail-webhooks'),
    retries: {
      attempts: positiveInteger('retries.attempts', retries.attempts, 20),
      baseMs: positiveInteger('retries.baseMs', retries.baseMs, 1_000),
      maxMs: positiveInteger('retries.maxMs', retries.maxMs, 6 * HOUR_MS),
    },
    keepMs: positiveInteger('keepMs', options.keepMs, 24 * HOUR_MS),
    keepDeadMs: positiveInteger('keepDeadMs', options.keepDeadMs, 30 * 24 * HOUR_MS),
    leaseMs: checkedLease(options.leaseMs),
    pollMs: positiveInteger('pollMs', options.pollMs, 250, LONGEST_DELAY_MS),
  };
}

function checkedLease(leaseMs: number | undefined): number {
  const lease = positiveInteger('leaseMs', leaseMs, 30_000, LONGEST_DELAY_MS);
  if (lease >= MIN_LEASE_MS) return lease;
  throw invalid(
    `\`leaseMs\` must be at least ${MIN_LEASE_MS}, because a delivery runs twice when its lease expires before its worker can renew it.`,
  );
}

function checkedName(name: string): string {
  // BullMQ separates the parts of its keys with colons, and its Postgres channels contain the name.
  if (typeof name === 'string' && /^[\w-]{1,100}$/.test(name)) return name;
  throw invalid('`name` must consist of up to 100 letters, digits, `-` and `_`.');
}
