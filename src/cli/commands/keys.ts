import { Command } from 'commander';
import { rotateWebhook, writeKeys } from '../../api/index.js';
import { connect } from '../connect.js';
import { type Io, json } from '../io.js';
import { jsonOption, seconds, urlOption } from '../options.js';

export function keysCommand(io: Io): Command {
  return new Command('keys')
    .description('write the keys of all active webhooks on a URL to an env file, as CAKEMAIL_WEBHOOK_SECRETS')
    .addOption(urlOption())
    .requiredOption('--out <file>', 'the env file; its other lines stay as they are')
    .addOption(jsonOption())
    .action(async ({ url, out, json: isJson }: { url: string; out: string; json?: boolean }) => {
      const events = await writeKeys({ api: connect(io), url, file: out, signal: io.signal });
      io.out(isJson ? json({ file: out, events }) : `${out}: the keys of ${events.join(', ')}`);
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
          io.err(`${stage} ${webhook.id}${wait}`);
        },
      });
      const result = { archived: archived.id, replacement: replacement.id };
      io.out(isJson ? json(result) : `${archived.id} is archived; ${replacement.id} is in its place.`);
    });
}
