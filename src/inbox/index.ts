export { PermanentError } from '../errors.js';
export { openInbox } from './open.js';
export type { Retries } from './retries.js';
export type {
  Inbox,
  InboxCounts,
  InboxDelivery,
  InboxEntry,
  InboxFilter,
  InboxOptions,
  InboxState,
  InboxStats,
} from './types.js';
