import { checkMembers, invalid, wholeNumber } from '../option-checks.js';
import { INBOX_STATES, type Inbox, type InboxFilter } from './types.js';

/** An id as deliveries have them: hex SHA-256. What is none is nobody's id, and reaches no store. */
const ID = /^[0-9a-f]{64}$/;

/**
 * The same inbox, with a look at what it is asked: a filter that is none must not mean everything, and an id from outside must
 * not reach a store's own keys.
 */
export function checked(inbox: Inbox): Inbox {
  return {
    ...inbox,
    async list(filter = {}) {
      checkFilter('list()', filter, 'limit');
      const { limit, ...which } = filter;
      return inbox.list({ ...which, limit: wholeNumber('limit', limit, 100) });
    },
    get: async (id) => (isId(id) ? inbox.get(id) : undefined),
    replay: async (which) => (isNobodys('replay()', which) ? 0 : inbox.replay(which)),
    remove: async (which) => (isNobodys('remove()', which) ? 0 : inbox.remove(which)),
  };
}

function isId(id: unknown): boolean {
  return typeof id === 'string' && ID.test(id);
}

function isNobodys(caller: string, which: string | InboxFilter): boolean {
  if (typeof which === 'string') return !isId(which);
  checkFilter(caller, which);
  return false;
}

function checkFilter(caller: string, filter: InboxFilter, ...more: string[]): void {
  if (Array.isArray(filter)) throw invalid(`${caller} takes an id or a filter, not a list.`);
  checkMembers(`${caller} filter`, filter, ['state', 'event', 'since', ...more]);
  const { state, event, since } = filter;
  if (state !== undefined && !INBOX_STATES.includes(state))
    throw invalid(`\`state\` is one of ${INBOX_STATES.join(', ')}.`);
  if (event !== undefined && typeof event !== 'string') throw invalid('`event` is the name of an event.');
  if (since !== undefined && !(since instanceof Date && !Number.isNaN(since.getTime()))) {
    throw invalid('`since` is a valid Date.');
  }
}
