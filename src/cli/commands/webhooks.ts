import { Command } from 'commander';
import { type RateLimit, type ShownWebhook, sameUrl, type Webhook } from '../../api/index.js';
import { withApi } from '../environment.js';
import { address, eventName, jsonOption, rateOption, urlOption } from '../shared-options.js';
import type { Io } from '../terminal/io.js';
import { rateOf, webhookTable } from '../terminal/show-webhooks.js';
import { json, table } from '../terminal/text.js';

const HIDDEN = '(hidden; --reveal shows it)';

export function listCommand(io: Io): Command {
  return new Command('list')
    .description('list webhooks')
    .option('--url <url>', 'only those that deliver there', address)
    .option('--archived', 'the archived ones too')
    .addOption(jsonOption())
    .action(async ({ url, archived, json: isJson }: { url?: string; archived?: boolean; json?: boolean }) => {
      const all = await withApi(io, (api) => api.webhooks.all({ withArchived: archived === true, signal: io.signal }));
      const webhooks = all.filter((webhook) => url === undefined || sameUrl(webhook.url, url));
      io.out(isJson ? json(webhooks) : webhookTable(io, webhooks));
    });
}

export function showCommand(io: Io): Command {
  return new Command('show')
    .description('show a webhook; its key only when asked to')
    .argument('<id>')
    .option('--reveal', 'show the key')
    .addOption(jsonOption())
    .action(async (id: string, { reveal, json: isJson }: { reveal?: boolean; json?: boolean }) => {
      const { key, ...webhook }: ShownWebhook = await withApi(io, (api) =>
        api.webhooks.show(id, { signal: io.signal }),
      );
      if (isJson) return io.out(json(reveal ? { ...webhook, key } : webhook));
      const { event, status, url } = webhook;
      const rows = {
        id: webhook.id,
        event,
        status,
        url,
        rate: rateOf(webhook),
        key: reveal ? (key ?? '(not told)') : HIDDEN,
      };
      io.out(table(Object.entries(rows)));
    });
}

export function createCommand(io: Io): Command {
  return new Command('create')
    .description('create a webhook')
    .argument('<event>', 'one name: a webhook carries no more', eventName)
    .addOption(urlOption())
    .addOption(rateOption())
    .addOption(jsonOption())
    .action(
      async (
        event: string,
        { url, rateLimit, json: isJson }: { url: string; rateLimit?: RateLimit; json?: boolean },
      ) => {
        const { signal } = io;
        const created = await withApi(io, async ({ webhooks }) => {
          const known = (await webhooks.all({ signal })).map(({ id }) => id);
          return webhooks.create({ event, url, rateLimit }, { known, signal });
        });
        print(io, created, isJson);
      },
    );
}

export function archiveCommand(io: Io): Command {
  return changing(io, 'archive', 'stop a webhook; there is no delete');
}

export function unarchiveCommand(io: Io): Command {
  return changing(io, 'unarchive', 'bring a webhook back');
}

function changing(io: Io, name: 'archive' | 'unarchive', description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<id>')
    .addOption(jsonOption())
    .action(async (id: string, { json: isJson }: { json?: boolean }) => {
      print(io, await withApi(io, ({ webhooks }) => webhooks[name](id, { signal: io.signal })), isJson);
    });
}

function print(io: Io, webhook: Webhook, isJson: boolean | undefined): void {
  io.out(isJson ? json(webhook) : webhookTable(io, [webhook]));
}
