export { PermanentError } from '../shared/errors.js';
export type {
  Inbox,
  InboxCounts,
  InboxDelivery,
  InboxEntry,
  InboxFilter,
  InboxOptions,
  InboxSelection,
  InboxState,
  InboxStats,
} from './contract.js';
export { InboxError } from './engine-error.js';
export { openInbox } from './open.js';
export type { Retries } from './retries.js';
