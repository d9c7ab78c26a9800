import type { Command } from 'commander';
import type { Inbox, InboxEntry, InboxFilter, InboxSelection } from '../../inbox/index.js';
import { UsageError } from '../environment.js';
import { entryTable, findDelivery, isReplayable, replayable, suggestEvent } from '../select-deliveries.js';
import { jsonOption } from '../shared-options.js';
import { confirm } from '../terminal/confirm.js';
import type { Io } from '../terminal/io.js';
import { json } from '../terminal/text.js';

const MOST_LISTED = 20;

interface Options extends InboxFilter {
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Gives an inbox that is open to a function, and closes it. */
export type WithInbox = (look: (inbox: Inbox) => Promise<void>) => Promise<void>;

/** Adds the action of `inbox replay` and its options, except those of its filter. */
export function replayCommand(command: Command, io: Io, withInbox: WithInbox, exit: (code: number) => void): Command {
  return command
    .description('have deliveries handled once more: one by its id or the beginning of it, or all that fit')
    .argument('[id]')
    .option('--all', 'everything that is done or dead')
    .option('--yes', 'do not list and ask first')
    .addOption(jsonOption())
    .action((id: string | undefined, { json: isJson, yes, all, ...filter }: Options) => {
      checkWanted(id, filter, all);
      const report = (replayed: number, words: string): void => io.out(isJson ? json({ replayed }) : words);
      return withInbox(async (inbox) => {
        const delivery = id === undefined ? undefined : await findDelivery(inbox, id);
        const which = delivery?.id ?? (all ? { all } : (filter as InboxSelection));
        if (!yes) {
          const entries = delivery ? [delivery].filter(isReplayable) : await replayable(inbox, all ? {} : filter);
          if (entries.length > 0 && !(await isConfirmed(io, entries))) {
            report(0, 'Nothing is replayed.');
            return exit(1);
          }
        }
        const replayed = await inbox.replay(which);
        const none = replayed === 0 ? ': only done and dead deliveries are' : '';
        report(replayed, `${replayed} to be handled once more${none}.`);
        if (replayed === 0) await suggestEvent(io, inbox, filter.event);
      });
    });
}

/** Everything at once is never what is left when an option was forgotten. */
function checkWanted(id: string | undefined, filter: InboxFilter, all: boolean | undefined): void {
  const isFiltered = Object.keys(filter).length > 0;
  if (id !== undefined && (isFiltered || all)) {
    throw new UsageError('One delivery, or all that fit: give an id alone, or --state, --event and --since, or --all.');
  }
  if (all && isFiltered) throw new UsageError('--all is for everything: leave out --state, --event and --since.');
  if (id === undefined && !isFiltered && !all) {
    throw new UsageError(
      'Name a delivery, or --state, --event or --since; --all replays everything that is done or dead.',
    );
  }
}

function isConfirmed(io: Io, entries: readonly InboxEntry[]): Promise<boolean> {
  const { length } = entries;
  io.err(entryTable(io, entries.slice(0, MOST_LISTED)));
  if (length > MOST_LISTED) io.err(`… and ${length - MOST_LISTED} more`);
  const [what, each] = length === 1 ? ['1 delivery', ''] : [`${length} deliveries`, 'each '];
  return confirm(io, `Have ${what} handled once more, ${each}by all of its handlers?`);
}
