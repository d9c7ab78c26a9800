import { EVENT_NAMES, isCatalogueName } from '../events/catalogue.js';
import type { Inbox, InboxDelivery, InboxEntry, InboxFilter } from '../inbox/index.js';
import { closestMatch } from '../shared/closest-match.js';
import { truncate } from '../shared/truncate.js';
import type { Io } from './terminal/io.js';
import { table, toShortLine } from './terminal/text.js';
import { UsageError } from './usage-error.js';

const FULL_ID = /^[0-9a-f]{64}$/;
const MAX_CANDIDATES = 10;
export const MAX_NAME_LENGTH = 40;
/** Lists everything: the default limit of an inbox is 100. */
const NO_LIMIT = { limit: Number.MAX_SAFE_INTEGER };

/**
 * Finds a delivery by its id or by a unique prefix of it. A prefix needs a list of all deliveries, because an inbox finds full ids
 * only.
 *
 * @throws {UsageError} when no delivery matches, or more than one.
 */
export async function findDelivery(inbox: Inbox, idOrPrefix: string): Promise<InboxDelivery> {
  const id = idOrPrefix.toLowerCase();
  // The argument may be a misplaced key, so no message repeats it.
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw new UsageError('An id has up to 64 hex digits, as `inbox list` shows them.');
  const delivery = await inbox.get(FULL_ID.test(id) ? id : await expandId(inbox, id));
  if (delivery === undefined) throw new UsageError('No delivery has this id.');
  return delivery;
}

async function expandId(inbox: Inbox, prefix: string): Promise<string> {
  const found = (await inbox.list(NO_LIMIT)).filter(({ id }) => id.startsWith(prefix));
  const [first] = found;
  if (first === undefined) throw new UsageError('No delivery has an id that begins like this.');
  if (found.length === 1) return first.id;
  const candidates = found
    .slice(0, MAX_CANDIDATES)
    .map(
      ({ id, event, state }) => `${id.slice(0, prefix.length + 8)}… (${toShortLine(event, MAX_NAME_LENGTH)}, ${state})`,
    );
  const more = found.length - candidates.length;
  throw new UsageError(
    `${found.length} deliveries have an id that begins with ${prefix}; pass more digits: ${candidates.join(', ')}` +
      (more > 0 ? ` and ${more} more.` : '.'),
  );
}

/** Lists the deliveries that `inbox replay` would replay: those that are done or dead. */
export async function listReplayable(inbox: Inbox, filter: InboxFilter): Promise<InboxEntry[]> {
  const entries = await inbox.list({ ...filter, ...NO_LIMIT });
  return entries.filter(isReplayable);
}

export function isReplayable({ state }: InboxEntry): boolean {
  return state === 'done' || state === 'dead';
}

/** Suggests a name when the inbox holds no delivery of an event and Cakemail does not publish its name. */
export async function suggestEventName(io: Io, inbox: Inbox, event: string | undefined): Promise<void> {
  if (event === undefined || isCatalogueName(event)) return;
  const { events } = await inbox.stats();
  if (Object.hasOwn(events, event)) return;
  const meant = closestMatch(event, [...Object.keys(events), ...EVENT_NAMES]);
  if (meant !== undefined) {
    io.err(`The inbox holds no '${toShortLine(event)}'. Did you mean '${toShortLine(meant)}'?`);
  }
}

export function entryTable({ columns }: Io, entries: readonly InboxEntry[]): string {
  const rows = entries.map(({ id, event, state, attempts, receivedAt, reason, error }) => [
    id,
    toShortLine(event, MAX_NAME_LENGTH),
    state,
    String(attempts),
    receivedAt.toISOString(),
    truncate([reason, error].filter(Boolean).join(': '), 100),
  ]);
  return table([['ID', 'EVENT', 'STATE', 'ATTEMPTS', 'RECEIVED', 'REASON'], ...rows], columns);
}
