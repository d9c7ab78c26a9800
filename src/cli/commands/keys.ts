import { Command } from 'commander';
import { exportKeys, type RotationStage, rotateWebhook, type Webhook } from '../../api/index.js';
import { UsageError, withApi } from '../environment.js';
import { writeKeyFile } from '../key-file.js';
import { filled, jsonOption, seconds, urlOption } from '../shared-options.js';
import type { Io } from '../terminal/io.js';
import { json, printable } from '../terminal/text.js';

interface Options {
  readonly url: string;
  readonly out?: string;
  readonly print?: boolean;
  readonly json?: boolean;
}

export function keysCommand(io: Io): Command {
  return new Command('keys')
    .description('write the keys of all active webhooks on a URL to a file, or print them')
    .addOption(urlOption())
    .option(
      '--out <file>',
      'a file of its own: an env line if it is named .env, .env.… or ….env, otherwise JSON',
      filled,
    )
    .option('--print', 'print them as JSON instead')
    .addOption(jsonOption())
    .action(async ({ url, out, print, json: isJson }: Options) => {
      if ((out === undefined) !== (print === true)) {
        throw new UsageError('Pass either --out <file> to write the keys to a file, or --print to print them.');
      }
      const keys = await withApi(io, (api) => exportKeys({ api, url, signal: io.signal }));
      if (out === undefined) return io.out(json(keys));
      await writeKeyFile(out, keys);
      const events = Object.keys(keys);
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
      const onStage = (stage: RotationStage, webhook: Webhook): void => {
        const isWaiting = stage === 'created' || stage === 'found';
        // Rounded down: nothing is archived before that.
        const until = new Date(Math.floor(Date.now() / 1000 + grace) * 1000).toISOString().replace('.000', '');
        io.err(`${stage} ${printable(webhook.id)}${isWaiting ? `; both deliver until ${until}` : ''}`);
        if (isWaiting) io.err(fileHint(webhook, until));
      };
      const { archived, replacement } = await withApi(io, (api) =>
        rotateWebhook({ api, id, graceMs: grace * 1000, signal: io.signal, onStage }),
      );
      const result = { archived: archived.id, replacement: replacement.id };
      io.out(
        isJson ? json(result) : `${printable(archived.id)} is archived; ${printable(replacement.id)} is in its place.`,
      );
    });
}

function fileHint({ url }: Webhook, until: string): string {
  // It will be copied to a shell, so a URL that would do more there is left out.
  const shown = /^[\w.:/~%+,=-]+$/.test(url) ? url : '<url>';
  return `An app that reads its keys from a file needs the new one before ${until}: write it with \`keys --url ${shown} --out <file>\` and restart the app. Apps that use cakemailKeys() need nothing.`;
}
