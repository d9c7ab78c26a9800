import { checkMembers, invalid, wholeNumber } from '../shared/option-checks.js';
import {
  type EngineName,
  INBOX_STATES,
  type Inbox,
  type InboxEngine,
  type InboxFilter,
  type InboxSelection,
} from './contract.js';
import { engineError } from './engine-error.js';

/** An id as deliveries have them: hex SHA-256. What is none is nobody's id, and reaches no store. */
const ID = /^[0-9a-f]{64}$/;

/**
 * The inbox that users get: it checks what it is asked, because an invalid filter must not mean everything and an id from
 * outside must not reach a store's own keys, and it turns the errors of the engine's driver into its own.
 */
export function checked(engine: InboxEngine, name: EngineName): Inbox {
  async function plainly<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (thrown) {
      throw engineError(name, thrown);
    }
  }

  return {
    warnings: engine.warnings ?? [],
    store: (delivery) => plainly(engine.store(delivery)),
    work(attempt, options) {
      const storeFailed = (thrown: unknown): void => options.storeFailed(engineError(name, thrown));
      const worker = engine.work(attempt, { ...options, storeFailed });
      return { stop: () => plainly(worker.stop()) };
    },
    async list(filter = {}) {
      checkFilter('list()', filter, 'limit');
      const { limit, ...which } = filter;
      return plainly(engine.list({ ...which, limit: wholeNumber('limit', limit, 100) }));
    },
    get: async (id) => (isId(id) ? plainly(engine.get(id)) : undefined),
    replay: async (which) => (isNobodys('replay()', which) ? 0 : plainly(engine.replay(filterOf(which)))),
    remove: async (which) => (isNobodys('remove()', which) ? 0 : plainly(engine.remove(filterOf(which)))),
    prune: () => plainly(engine.prune()),
    stats: () => plainly(engine.stats()),
    close: () => plainly(engine.close()),
  };
}

function isId(id: unknown): boolean {
  return typeof id === 'string' && ID.test(id);
}

function isNobodys(caller: string, which: string | InboxSelection): boolean {
  if (typeof which === 'string') return !isId(which);
  checkFilter(caller, which, 'all');
  const { all, state, event, since } = which as { all?: unknown } & InboxFilter;
  if (all !== undefined && all !== true) throw invalid('`all` is true or left out.');
  const isEmpty = state === undefined && event === undefined && since === undefined;
  if (isEmpty && all === undefined) {
    throw invalid(`${caller} with an empty filter would act on every delivery: pass { all: true } if you mean that.`);
  }
  if (!isEmpty && all === true) throw invalid(`${caller} takes { all: true } or a filter, not both.`);
  return false;
}

/** The filter for the engine, to which an empty one means everything. */
function filterOf(which: string | InboxSelection): string | InboxFilter {
  if (typeof which === 'string') return which;
  const { state, event, since } = which;
  return { state, event, since };
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
