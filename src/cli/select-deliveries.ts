import { EVENT_NAMES, isCatalogueName } from '../events/catalogue.js';
import type { Inbox, InboxDelivery, InboxEntry, InboxFilter } from '../inbox/index.js';
import { closestMatch } from '../shared/closest-match.js';
import { truncate } from '../shared/truncate.js';
import { UsageError } from './environment.js';
import type { Io } from './terminal/io.js';
import { oneLine, table } from './terminal/text.js';

const ID = /^[0-9a-f]{64}$/;
const MOST_CANDIDATES = 10;
export const LONGEST_NAME = 40;
/** An inbox lists 100 deliveries unless a limit is given, and has no word for "all". */
const ALL = { limit: Number.MAX_SAFE_INTEGER };

/**
 * The delivery with this id, or the only one whose id begins with it. A whole id is looked up directly; for a prefix every
 * delivery is listed, because an inbox finds whole ids only.
 *
 * @throws {UsageError} when there is no such delivery, or more than one.
 */
export async function findDelivery(inbox: Inbox, given: string): Promise<InboxDelivery> {
  const id = given.toLowerCase();
  // What was given may be a key in the wrong place, so no message repeats it.
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw new UsageError('An id has up to 64 hex digits, as `inbox list` shows them.');
  const delivery = await inbox.get(ID.test(id) ? id : await wholeId(inbox, id));
  if (delivery === undefined) throw new UsageError('There is no delivery with this id.');
  return delivery;
}

async function wholeId(inbox: Inbox, prefix: string): Promise<string> {
  const found = (await inbox.list(ALL)).filter(({ id }) => id.startsWith(prefix));
  const [first] = found;
  if (first === undefined) throw new UsageError('There is no delivery whose id begins like this.');
  if (found.length === 1) return first.id;
  const candidates = found
    .slice(0, MOST_CANDIDATES)
    .map(({ id, event, state }) => `${id.slice(0, prefix.length + 8)}… (${oneLine(event, LONGEST_NAME)}, ${state})`);
  const more = found.length - candidates.length;
  throw new UsageError(
    `${found.length} deliveries have an id that begins with ${prefix}; give more of it: ${candidates.join(', ')}` +
      (more > 0 ? ` and ${more} more.` : '.'),
  );
}

/** The deliveries that `replay` would act on: it leaves alone what is waiting or active. */
export async function replayable(inbox: Inbox, filter: InboxFilter): Promise<InboxEntry[]> {
  const entries = await inbox.list({ ...filter, ...ALL });
  return entries.filter(isReplayable);
}

export function isReplayable({ state }: InboxEntry): boolean {
  return state === 'done' || state === 'dead';
}

/** Suggests a name when nothing was found for an event that neither Cakemail publishes nor the inbox holds. */
export async function suggestEvent(io: Io, inbox: Inbox, event: string | undefined): Promise<void> {
  if (event === undefined || isCatalogueName(event)) return;
  const { events } = await inbox.stats();
  if (Object.hasOwn(events, event)) return;
  const meant = closestMatch(event, [...Object.keys(events), ...EVENT_NAMES]);
  if (meant !== undefined) {
    io.err(`The inbox holds no '${oneLine(event)}'. Did you mean '${oneLine(meant)}'?`);
  }
}

export function entryTable({ columns }: Io, entries: readonly InboxEntry[]): string {
  const rows = entries.map(({ id, event, state, attempts, receivedAt, reason, error }) => [
    id,
    oneLine(event, LONGEST_NAME),
    state,
    String(attempts),
    receivedAt.toISOString(),
    truncate([reason, error].filter(Boolean).join(': '), 100),
  ]);
  return table([['ID', 'EVENT', 'STATE', 'ATTEMPTS', 'RECEIVED', 'WHY'], ...rows], columns);
}
