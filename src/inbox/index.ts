export { PermanentError } from '../shared/errors.js';
export {
  INBOX_STATES,
  type Inbox,
  type InboxCounts,
  type InboxDelivery,
  type InboxEntry,
  type InboxFilter,
  type InboxOptions,
  type InboxSelection,
  type InboxState,
  type InboxStats,
} from './contract.js';
export { InboxError } from './inbox-error.js';
export { openInbox } from './open.js';
export type { Retries } from './retries.js';
