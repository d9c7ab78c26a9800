import { Command } from 'commander';
import { rotateWebhook, writeKeys } from '../../api/index.js';
import { connect } from '../connect.js';
import type { Io } from '../io.js';
import { filled, jsonOption, seconds, urlOption } from '../options.js';
import { json, printable } from '../text.js';

export function keysCommand(io: Io): Command {
  return new Command('keys')
    .description('write the keys of all active webhooks on a URL to an env file, as CAKEMAIL_WEBHOOK_SECRETS')
    .addOption(urlOption())
    .requiredOption('--out <file>', 'the env file; its other lines stay as they are', filled)
    .addOption(jsonOption())
    .action(async ({ url, out, json: isJson }: { url: string; out: string; json?: boolean }) => {
      const events = await writeKeys({ api: connect(io), url, file: out, signal: io.signal });
      io.out(isJson ? json({ file: out, events }) : `${out}: the keys of ${events.map(printable).join(', ')}`);
    });
}

export function rotateCommand(io: Io): Command {
  return new Command('rotate')
    .description('replace a webhook by a new one with a new key, and archive it after a while')
    .argument('<id>')
    .option('--grace <seconds>', 'how long both deliver', seconds, 300)
    .addOption(jsonOption())
    .action(async (id: string, { grace, json: isJson }: { grace: number; json?: boolean }) => {
      const { archived, replacement } = await rotateWebhook({
        api: connect(io),
        id,
        graceMs: grace * 1000,
        signal: io.signal,
        onStage: (stage, webhook) => {
          const wait = stage === 'created' || stage === 'found' ? `; both deliver for ${grace} s` : '';
          io.err(`${stage} ${printable(webhook.id)}${wait}`);
        },
      });
      const result = { archived: archived.id, replacement: replacement.id };
      io.out(
        isJson ? json(result) : `${printable(archived.id)} is archived; ${printable(replacement.id)} is in its place.`,
      );
    });
}
