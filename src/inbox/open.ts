import { ConfigurationError } from '../shared/errors.js';
import { checkMembers, invalid, wholeNumber } from '../shared/option-checks.js';
import { LONGEST_DELAY_MS } from '../shared/promises.js';
import { openBullInbox } from './bullmq/bullmq-inbox.js';
import { openPostgres } from './bullmq/postgres.js';
import { openRedis } from './bullmq/redis.js';
import type { Inbox, InboxOptions, InboxSettings } from './contract.js';
import { openSqliteInbox } from './sqlite/sqlite-inbox.js';
import { checked } from './validated-inbox.js';

const HOUR_MS = 60 * 60 * 1000;
const SHORTEST_LEASE_MS = 1_000;

/**
 * Opens an inbox. The address says where:
 * - `file:./webhooks.db`: a SQLite file that the processes of one machine may share (needs `libsql`)
 * - `redis://…`, `rediss://…`: a Redis that many machines share (needs `bullmq` and `ioredis`)
 * - `postgres://…`, `postgresql://…`: a Postgres that many machines share (needs `bullmq` and `pg`)
 *
 * ```ts
 * const inbox = await openInbox('file:./webhooks.db');
 * const webhooks = createWebhookRouter({ secret, inbox });
 * ```
 *
 * @throws {ConfigurationError} when an option cannot be right, a package is missing or the store cannot be opened.
 */
export async function openInbox(url: string, options: InboxOptions = {}): Promise<Inbox> {
  const settings = resolve(options);
  switch (/^([a-z]+):/.exec(String(url))?.[1]) {
    case 'file':
      if (options.name !== undefined) throw invalid('`name` is for Redis and Postgres: a file is an inbox of its own.');
      return checked(await openSqliteInbox(pathOf(url), settings), 'SQLite');
    case 'redis':
    case 'rediss':
      return checked(await openBullInbox((queue) => openRedis(url, queue), settings), 'Redis');
    case 'postgres':
    case 'postgresql':
      return checked(await openBullInbox((queue) => openPostgres(url, queue), settings), 'Postgres');
    default:
      // Never the address itself: it may hold a password.
      throw new ConfigurationError(
        'ERR_INBOX_OPEN',
        'openInbox() needs an address such as `file:./webhooks.db`, `redis://localhost` or `postgres://localhost/app`.',
      );
  }
}

function pathOf(url: string): string {
  const path = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (path !== '') return path;
  throw new ConfigurationError('ERR_INBOX_OPEN', 'The address `file:` names no file.');
}

function resolve(options: InboxOptions): InboxSettings {
  checkMembers('openInbox() options', options, ['name', 'retries', 'keepMs', 'keepDeadMs', 'leaseMs', 'pollMs']);
  const { retries = {} } = options;
  checkMembers('retries', retries, ['attempts', 'baseMs', 'maxMs']);
  return {
    name: nameOf(options.name ?? 'cakemail-webhooks'),
    retries: {
      attempts: wholeNumber('retries.attempts', retries.attempts, 20),
      baseMs: wholeNumber('retries.baseMs', retries.baseMs, 1_000),
      maxMs: wholeNumber('retries.maxMs', retries.maxMs, 6 * HOUR_MS),
    },
    keepMs: wholeNumber('keepMs', options.keepMs, 24 * HOUR_MS),
    keepDeadMs: wholeNumber('keepDeadMs', options.keepDeadMs, 30 * 24 * HOUR_MS),
    leaseMs: leaseOf(options.leaseMs),
    pollMs: wholeNumber('pollMs', options.pollMs, 250, LONGEST_DELAY_MS),
  };
}

function leaseOf(leaseMs: number | undefined): number {
  const lease = wholeNumber('leaseMs', leaseMs, 30_000, LONGEST_DELAY_MS);
  if (lease >= SHORTEST_LEASE_MS) return lease;
  throw invalid(
    `\`leaseMs\` must be at least ${SHORTEST_LEASE_MS}: a lease that ends before its worker can renew it makes the delivery run again.`,
  );
}

function nameOf(name: string): string {
  // BullMQ parts its keys by colons, and Postgres tells its listeners by name.
  if (typeof name === 'string' && /^[\w-]{1,100}$/.test(name)) return name;
  throw invalid('`name` must be up to 100 letters, digits, `-` and `_`.');
}
