import { ConfigurationError } from '../errors.js';
import { checkMembers, wholeNumber } from '../option-checks.js';
import { LONGEST_DELAY_MS } from '../time.js';
import { openSqliteInbox } from './sqlite/inbox.js';
import type { Inbox, InboxOptions, InboxSettings } from './types.js';

const HOUR_MS = 60 * 60 * 1000;

/**
 * Opens an inbox: `file:./webhooks.db`, a SQLite file (needs `libsql`) that the processes of one machine may share.
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
  if (typeof url === 'string' && url.startsWith('file:')) return openSqliteInbox(pathOf(url), settings);
  // Never the address itself: it may hold a password.
  throw new ConfigurationError('ERR_INBOX_OPEN', 'openInbox() needs an address such as `file:./webhooks.db`.');
}

function pathOf(url: string): string {
  const path = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (path !== '') return path;
  throw new ConfigurationError('ERR_INBOX_OPEN', 'The address `file:` names no file.');
}

function resolve(options: InboxOptions): InboxSettings {
  checkMembers('openInbox() options', options, ['retries', 'keepMs', 'keepDeadMs', 'leaseMs', 'pollMs']);
  const { retries = {} } = options;
  checkMembers('retries', retries, ['attempts', 'baseMs', 'maxMs']);
  return {
    retries: {
      attempts: wholeNumber('retries.attempts', retries.attempts, 20),
      baseMs: wholeNumber('retries.baseMs', retries.baseMs, 1_000),
      maxMs: wholeNumber('retries.maxMs', retries.maxMs, 6 * HOUR_MS),
    },
    keepMs: wholeNumber('keepMs', options.keepMs, 24 * HOUR_MS),
    keepDeadMs: wholeNumber('keepDeadMs', options.keepDeadMs, 30 * 24 * HOUR_MS),
    leaseMs: wholeNumber('leaseMs', options.leaseMs, 30_000, LONGEST_DELAY_MS),
    pollMs: wholeNumber('pollMs', options.pollMs, 250, LONGEST_DELAY_MS),
  };
}
