import { invalid, positiveInteger, rejectUnknownKeys } from '../shared/option-checks.js';
import {
  type EngineName,
  INBOX_STATES,
  type Inbox,
  type InboxEngine,
  type InboxFilter,
  type InboxSelection,
} from './contract.js';
import { InboxError, toInboxError } from './inbox-error.js';

const DELIVERY_ID = /^[0-9a-f]{64}$/;
const DEFAULT_LIMIT = 100;
const PRUNE_INTERVAL_MS = 60_000;

/**
 * Wraps an engine as the inbox that users get. It validates arguments, because an invalid filter must not select every
 * delivery and an id from outside must not reach the store's own keys. It converts the driver's errors, prunes once a
 * minute, and closes only once.
 */
export function validatedInbox(engine: InboxEngine, name: EngineName): Inbox {
  const pruning = setInterval(() => void engine.prune().catch(() => {}), PRUNE_INTERVAL_MS).unref();
  let closing: Promise<void> | undefined;

  async function convertErrors<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (thrown) {
      throw toInboxError(name, thrown);
    }
  }

  async function change(method: 'replay' | 'remove', which: string | InboxSelection): Promise<number> {
    if (typeof which === 'string') return isDeliveryId(which) ? convertErrors(engine[method](which)) : 0;
    checkSelection(`${method}()`, which);
    const { state, event, since } = which;
    return convertErrors(engine[method]({ state, event, since }));
  }

  return {
    warnings: engine.warnings ?? [],
    async store(delivery) {
      if (closing !== undefined) throw new InboxError('CLOSED', 'The inbox is closed.');
      return convertErrors(engine.store(delivery));
    },
    work(attempt, options) {
      const onStoreError = (thrown: unknown): void => options.onStoreError(toInboxError(name, thrown));
      const worker = engine.work(attempt, { ...options, onStoreError });
      return { stop: () => convertErrors(worker.stop()) };
    },
    async list(filter = {}) {
      checkFilter('list()', filter, 'limit');
      const { limit, ...selected } = filter;
      return convertErrors(engine.list(selected, positiveInteger('limit', limit, DEFAULT_LIMIT)));
    },
    get: async (id) => (isDeliveryId(id) ? convertErrors(engine.get(id)) : undefined),
    replay: (which) => change('replay', which),
    remove: (which) => change('remove', which),
    prune: () => convertErrors(engine.prune()),
    stats: () => convertErrors(engine.stats()),
    close() {
      clearInterval(pruning);
      closing ??= convertErrors(engine.close());
      return closing;
    },
  };
}

function isDeliveryId(id: unknown): boolean {
  return typeof id === 'string' && DELIVERY_ID.test(id);
}

function checkSelection(method: string, selection: InboxSelection): void {
  checkFilter(method, selection, 'all');
  const { all, state, event, since } = selection as { all?: unknown } & InboxFilter;
  if (all !== undefined && all !== true) throw invalid('`all` must be true or omitted.');
  const isEmpty = state === undefined && event === undefined && since === undefined;
  if (isEmpty && all === undefined) {
    throw invalid(`${method} with an empty filter would change every delivery. Pass { all: true } if you mean that.`);
  }
  if (!isEmpty && all === true) throw invalid(`${method} takes either { all: true } or a filter, not both.`);
}

function checkFilter(method: string, filter: InboxFilter, ...more: string[]): void {
  if (Array.isArray(filter)) throw invalid(`${method} takes an id or a filter, not an array.`);
  rejectUnknownKeys(`${method} filter`, filter, ['state', 'event', 'since', ...more]);
  const { state, event, since } = filter;
  if (state !== undefined && !INBOX_STATES.includes(state)) {
    throw invalid(`\`state\` must be one of ${INBOX_STATES.join(', ')}.`);
  }
  if (event !== undefined && typeof event !== 'string') throw invalid('`event` must be the name of an event.');
  if (since !== undefined && !(since instanceof Date && !Number.isNaN(since.getTime()))) {
    throw invalid('`since` must be a valid Date.');
  }
}
