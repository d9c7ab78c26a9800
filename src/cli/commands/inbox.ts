import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { INBOX_STATES, type Inbox, type InboxState, openInbox } from '../../inbox/index.js';
import { entryTable, findDelivery, MAX_NAME_LENGTH, suggestEventName } from '../select-deliveries.js';
import { jsonOption, parseNonEmpty, parsePositiveInteger } from '../shared-options.js';
import type { Io } from '../terminal/io.js';
import { table, toJson, toShortLine } from '../terminal/text.js';
import { UsageError } from '../usage-error.js';
import { replayCommand } from './replay.js';

interface Filter {
  readonly state?: InboxState;
  readonly event?: string;
  readonly since?: Date;
}

interface OutputOptions {
  readonly json?: boolean;
}

export function inboxCommand(io: Io, exit: (code: number) => void): Command {
  const inbox = new Command('inbox').description(
    'inspect the durable inbox at CAKEMAIL_INBOX_URL, which openInbox() accepts too',
  );

  withFilter(inbox.command('list').description('list deliveries, the latest first'))
    .addOption(
      new Option('--limit <n>', 'the maximum number of deliveries').argParser(parsePositiveInteger).default(50),
    )
    .addOption(jsonOption())
    .action(({ limit, json: isJson, ...filter }: Filter & OutputOptions & { limit: number }) =>
      withInbox(io, async (opened) => {
        const entries = await opened.list({ ...filter, limit });
        io.out(isJson ? toJson(entries) : entryTable(io, entries));
        if (entries.length === 0) await suggestEventName(io, opened, filter.event);
      }),
    );

  inbox
    .command('show')
    .description('show one delivery with its body, by its id or a prefix of it')
    .argument('<id>')
    .addOption(jsonOption())
    .action((id: string, { json: isJson }: OutputOptions) =>
      withInbox(io, async (opened) => {
        const { rawBody, headers, ...entry } = await findDelivery(opened, id);
        const body = rawBody.toString();
        io.out(isJson ? toJson({ ...entry, headers, body }) : `${entryTable(io, [entry])}\n\n${body}`);
      }),
    );

  replayCommand(withFilter(inbox.command('replay')), io, (work) => withInbox(io, work), exit);

  inbox
    .command('stats')
    .description('count deliveries by event and state')
    .addOption(jsonOption())
    .action(({ json: isJson }: OutputOptions) =>
      withInbox(io, async (opened) => {
        const { events, oldestAgeMs, ...all } = await opened.stats();
        if (isJson) return io.out(toJson({ ...all, oldestAgeMs, events }));
        const rows = [...Object.entries(events), ['all', all] as const].map(([name, counts]) => [
          toShortLine(name, MAX_NAME_LENGTH),
          ...INBOX_STATES.map((state) => String(counts[state])),
        ]);
        io.out(table([['EVENT', ...INBOX_STATES.map((state) => state.toUpperCase())], ...rows], io.columns));
        if (oldestAgeMs > 0)
          io.out(`The oldest delivery that is not handled arrived ${Math.round(oldestAgeMs / 1000)} s ago.`);
      }),
    );
  return inbox;
}

function withFilter(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'only deliveries in this state').choices(INBOX_STATES))
    .addOption(new Option('--event <name>', 'only deliveries of this event').argParser(parseExactName))
    .addOption(
      new Option('--since <time>', 'only deliveries received then or later, as in 2026-11-24T12:00Z').argParser(
        parseTime,
      ),
    );
}

function parseExactName(text: string): string {
  if (text.includes('*')) throw new InvalidArgumentError('Name one event. Patterns are not supported here.');
  return parseNonEmpty(text);
}

function parseTime(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('Write it as in 2026-11-24T12:00Z.');
  return date;
}

async function withInbox(io: Io, work: (inbox: Inbox) => Promise<void>): Promise<void> {
  const url = io.env['CAKEMAIL_INBOX_URL'];
  if (!url) throw new UsageError('Set CAKEMAIL_INBOX_URL in the environment, for example to file:./webhooks.db.');
  // Opening the file would create it, and a misspelt name would look like an empty inbox.
  if (url.startsWith('file:') && !existsSync(url.replace(/^file:(\/\/(?=\/))?/, ''))) {
    throw new UsageError('CAKEMAIL_INBOX_URL names a file that does not exist.');
  }
  const name = io.env['CAKEMAIL_INBOX_NAME'] || undefined;
  const inbox = await openInbox(url, { name });
  try {
    await work(inbox);
  } finally {
    await inbox.close();
  }
}
