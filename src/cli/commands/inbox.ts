import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { INBOX_STATES, type Inbox, type InboxState, openInbox } from '../../inbox/index.js';
import { UsageError } from '../environment.js';
import { entryTable, findDelivery, LONGEST_NAME, suggestEvent } from '../select-deliveries.js';
import { filled, jsonOption, positive } from '../shared-options.js';
import type { Io } from '../terminal/io.js';
import { json, oneLine, table } from '../terminal/text.js';
import { replayCommand } from './replay.js';

interface Filter {
  readonly state?: InboxState;
  readonly event?: string;
  readonly since?: Date;
}

interface Shown {
  readonly json?: boolean;
}

export function inboxCommand(io: Io, exit: (code: number) => void): Command {
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
        if (entries.length === 0) await suggestEvent(io, opened, filter.event);
      }),
    );

  inbox
    .command('show')
    .description('one delivery with its body, by its id or the beginning of it')
    .argument('<id>')
    .addOption(jsonOption())
    .action((id: string, { json: isJson }: Shown) =>
      withInbox(io, async (opened) => {
        const { rawBody, headers, ...entry } = await findDelivery(opened, id);
        const body = rawBody.toString();
        io.out(isJson ? json({ ...entry, headers, body }) : `${entryTable(io, [entry])}\n\n${body}`);
      }),
    );

  replayCommand(withFilter(inbox.command('replay')), io, (look) => withInbox(io, look), exit);

  inbox
    .command('stats')
    .description('how many, by event and state')
    .addOption(jsonOption())
    .action(({ json: isJson }: Shown) =>
      withInbox(io, async (opened) => {
        const { events, oldestAgeMs, ...all } = await opened.stats();
        if (isJson) return io.out(json({ ...all, oldestAgeMs, events }));
        const rows = [...Object.entries(events), ['all', all] as const].map(([name, counts]) => [
          oneLine(name, LONGEST_NAME),
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
    .addOption(new Option('--event <name>', 'of which event').argParser(exactName))
    .addOption(new Option('--since <time>', 'received then or later, as in 2026-11-24T12:00Z').argParser(time));
}

function exactName(text: string): string {
  if (text.includes('*')) throw new InvalidArgumentError('One exact name, without a pattern.');
  return filled(text);
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
  const inbox = await openInbox(address, { name });
  try {
    await look(inbox);
  } finally {
    await inbox.close();
  }
}
