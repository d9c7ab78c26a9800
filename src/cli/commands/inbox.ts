import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { INBOX_STATES, type Inbox, type InboxEntry, type InboxSelection, type InboxState } from '../../inbox/types.js';
import { UsageError } from '../connect.js';
import type { Io } from '../io.js';
import { filled, jsonOption, positive } from '../options.js';
import { json, table } from '../text.js';

interface Filter {
  readonly state?: InboxState;
  readonly event?: string;
  readonly since?: Date;
}

interface Shown {
  readonly json?: boolean;
}

export function inboxCommand(io: Io): Command {
  const inbox = new Command('inbox').description(
    'look into a durable inbox: CAKEMAIL_INBOX_URL, as openInbox() takes it',
  );

  withFilter(inbox.command('list').description('the latest first'))
    .addOption(new Option('--limit <n>', 'how many').argParser(positive).default(50))
    .addOption(jsonOption())
    .action(({ limit, json: isJson, ...filter }: Filter & Shown & { limit: number }) =>
      withInbox(io, async (opened) => {
        const entries = await opened.list({ ...filter, limit });
        io.out(isJson ? json(entries) : entryTable(io, entries));
      }),
    );

  inbox
    .command('show')
    .description('one delivery with its body')
    .argument('<id>')
    .addOption(jsonOption())
    .action((id: string, { json: isJson }: Shown) =>
      withInbox(io, async (opened) => {
        const delivery = await opened.get(id);
        if (delivery === undefined) throw new UsageError('There is no such delivery.');
        const { rawBody, headers, ...entry } = delivery;
        const body = rawBody.toString();
        io.out(isJson ? json({ ...entry, headers, body }) : `${entryTable(io, [entry])}\n\n${body}`);
      }),
    );

  withFilter(
    inbox
      .command('replay')
      .description('have deliveries handled once more: one by its id, or all that fit')
      .argument('[id]'),
  )
    .addOption(jsonOption())
    .action((id: string | undefined, { json: isJson, ...filter }: Filter & Shown) =>
      withInbox(io, async (opened) => {
        // Everything at once is never what is left when an option was forgotten.
        if (id === undefined && Object.keys(filter).length === 0)
          throw new UsageError('Name a delivery, or --state, --event or --since.');
        const replayed = await opened.replay(id ?? (filter as InboxSelection));
        io.out(isJson ? json({ replayed }) : `${replayed} to be handled once more.`);
      }),
    );

  inbox
    .command('stats')
    .description('how many, by event and state')
    .addOption(jsonOption())
    .action(({ json: isJson }: Shown) =>
      withInbox(io, async (opened) => {
        const { events, oldestAgeMs, ...all } = await opened.stats();
        if (isJson) return io.out(json({ ...all, oldestAgeMs, events }));
        const rows = [...Object.entries(events), ['all', all] as const].map(([name, counts]) => [
          name,
          ...INBOX_STATES.map((state) => String(counts[state])),
        ]);
        io.out(table([['EVENT', ...INBOX_STATES.map((state) => state.toUpperCase())], ...rows], io.columns));
        if (oldestAgeMs > 0) io.out(`The oldest that is not handled came ${Math.round(oldestAgeMs / 1000)} s ago.`);
      }),
    );
  return inbox;
}

function withFilter(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'in which state').choices(INBOX_STATES))
    .addOption(new Option('--event <name>', 'of which event').argParser(filled))
    .addOption(new Option('--since <time>', 'received then or later, as in 2026-11-24T12:00Z').argParser(time));
}

function time(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('As in 2026-11-24T12:00Z.');
  return date;
}

async function withInbox(io: Io, look: (inbox: Inbox) => Promise<void>): Promise<void> {
  const address = io.env['CAKEMAIL_INBOX_URL'];
  if (!address) throw new UsageError('Set CAKEMAIL_INBOX_URL in the environment, to file:./webhooks.db for instance.');
  // Opening would make it, and a misspelt name look like an empty inbox.
  if (address.startsWith('file:') && !existsSync(address.replace(/^file:(\/\/(?=\/))?/, ''))) {
    throw new UsageError('CAKEMAIL_INBOX_URL names a file that is not there.');
  }
  const name = io.env['CAKEMAIL_INBOX_NAME'] || undefined;
  // Loaded here, as no other command needs it.
  const { openInbox } = await import('../../inbox/index.js');
  const inbox = await openInbox(address, { name });
  try {
    await look(inbox);
  } finally {
    await inbox.close();
  }
}

function entryTable({ columns }: Io, entries: readonly InboxEntry[]): string {
  const rows = entries.map(({ id, event, state, attempts, receivedAt, reason, error }) => [
    id,
    event,
    state,
    String(attempts),
    receivedAt.toISOString(),
    [reason, error].filter(Boolean).join(': ').slice(0, 100),
  ]);
  return table([['ID', 'EVENT', 'STATE', 'ATTEMPTS', 'RECEIVED', 'WHY'], ...rows], columns);
}
