import type { Command } from 'commander';
import type { Inbox, InboxEntry, InboxFilter, InboxSelection } from '../../inbox/index.js';
import { entryTable, findDelivery, isReplayable, listReplayable, suggestEventName } from '../select-deliveries.js';
import { jsonOption } from '../shared-options.js';
import { confirm } from '../terminal/confirm.js';
import type { Io } from '../terminal/io.js';
import { toJson } from '../terminal/text.js';
import { UsageError } from '../usage-error.js';

const MAX_LISTED = 20;

interface Options extends InboxFilter {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Calls a function with an open inbox, and closes the inbox afterwards. */
export type WithInbox = (work: (inbox: Inbox) => Promise<void>) => Promise<void>;

/** Adds the action and the options of `inbox replay`, except its filter. */
export function replayCommand(command: Command, io: Io, withInbox: WithInbox, exit: (code: number) => void): Command {
  return command
    .description('handle deliveries once more: one by its id or a prefix of it, or all that match')
    .argument('[id]')
    .option('--all', 'all deliveries that are done or dead')
    .option('--yes', 'replay without asking')
    .addOption(jsonOption())
    .action((id: string | undefined, { json: isJson, yes, all, ...filter }: Options) => {
      checkSelection(id, filter, all);
      const report = (replayed: number, text: string): void => io.out(isJson ? toJson({ replayed }) : text);
      return withInbox(async (inbox) => {
        const delivery = id === undefined ? undefined : await findDelivery(inbox, id);
        const selection = delivery?.id ?? (all ? { all } : (filter as InboxSelection));
        if (!yes) {
          const entries = delivery ? [delivery].filter(isReplayable) : await listReplayable(inbox, all ? {} : filter);
          if (entries.length > 0 && !(await isConfirmed(io, entries))) {
            report(0, 'Nothing was replayed.');
            return exit(1);
          }
        }
        const replayed = await inbox.replay(selection);
        const reason = replayed === 0 ? ': only done and dead deliveries are' : '';
        report(replayed, `${replayed} to be handled once more${reason}.`);
        if (replayed === 0) await suggestEventName(io, inbox, filter.event);
      });
    });
}

/** Requires an explicit selection, so that a forgotten option never replays everything. */
function checkSelection(id: string | undefined, filter: InboxFilter, all: boolean | undefined): void {
  const isFiltered = Object.keys(filter).length > 0;
  if (id !== undefined && (isFiltered || all)) {
    throw new UsageError('Pass either an id, or --state, --event and --since, or --all.');
  }
  if (all && isFiltered) throw new UsageError('--all selects everything: leave out --state, --event and --since.');
  if (id === undefined && !isFiltered && !all) {
    throw new UsageError('Pass an id, or --state, --event or --since; --all replays everything that is done or dead.');
  }
}

function isConfirmed(io: Io, entries: readonly InboxEntry[]): Promise<boolean> {
  const { length } = entries;
  io.err(entryTable(io, entries.slice(0, MAX_LISTED)));
  if (length > MAX_LISTED) io.err(`… and ${length - MAX_LISTED} more`);
  const [subject, each] = length === 1 ? ['1 delivery', ''] : [`${length} deliveries`, 'each '];
  return confirm(io, `Handle ${subject} once more, ${each}by all of its handlers?`);
}
