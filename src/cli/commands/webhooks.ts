import { Command } from 'commander';
import { type RateLimit, sameUrl, type Webhook, type WebhookWithKey } from '../../api/index.js';
import { jsonOption, parseEventName, parseUrl, rateOption, urlOption } from '../shared-options.js';
import type { Io } from '../terminal/io.js';
import { formatRateLimit, webhookTable } from '../terminal/show-webhooks.js';
import { table, toJson } from '../terminal/text.js';
import { withApi } from '../with-api.js';

const HIDDEN = '(hidden; --reveal shows it)';

export function listCommand(io: Io): Command {
  return new Command('list')
    .description('list webhooks')
    .option('--url <url>', 'only webhooks that deliver to this URL', parseUrl)
    .option('--archived', 'archived webhooks too')
    .addOption(jsonOption())
    .action(async ({ url, archived, json: isJson }: { url?: string; archived?: boolean; json?: boolean }) => {
      const all = await withApi(io, (api) => api.webhooks.all({ withArchived: archived === true, signal: io.signal }));
      const webhooks = all.filter((webhook) => url === undefined || sameUrl(webhook.url, url));
      io.out(isJson ? toJson(webhooks) : webhookTable(io, webhooks));
    });
}

export function showCommand(io: Io): Command {
  return new Command('show')
    .description('show a webhook, but its key only with --reveal')
    .argument('<id>')
    .option('--reveal', 'show the key')
    .addOption(jsonOption())
    .action(async (id: string, { reveal, json: isJson }: { reveal?: boolean; json?: boolean }) => {
      const { key, ...webhook }: WebhookWithKey = await withApi(io, (api) =>
        api.webhooks.show(id, { signal: io.signal }),
      );
      if (isJson) return io.out(toJson(reveal ? { ...webhook, key } : webhook));
      const { event, status, url } = webhook;
      const rows = {
        id: webhook.id,
        event,
        status,
        url,
        rate: formatRateLimit(webhook),
        key: reveal ? (key ?? '(not returned by the API)') : HIDDEN,
      };
      io.out(table(Object.entries(rows)));
    });
}

export function createCommand(io: Io): Command {
  return new Command('create')
    .description('create a webhook')
    .argument('<event>', 'the event that the webhook delivers', parseEventName)
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
  return changeStatusCommand(io, 'archive', 'stop the deliveries of a webhook, which cannot be deleted');
}

export function unarchiveCommand(io: Io): Command {
  return changeStatusCommand(io, 'unarchive', 'resume the deliveries of an archived webhook');
}

function changeStatusCommand(io: Io, name: 'archive' | 'unarchive', description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<id>')
    .addOption(jsonOption())
    .action(async (id: string, { json: isJson }: { json?: boolean }) => {
      print(io, await withApi(io, ({ webhooks }) => webhooks[name](id, { signal: io.signal })), isJson);
    });
}

function print(io: Io, webhook: Webhook, isJson: boolean | undefined): void {
  io.out(isJson ? toJson(webhook) : webhookTable(io, [webhook]));
}
