import { Command } from 'commander';
import { exportKeys, type RotationStage, rotateWebhook, type Webhook } from '../../api/index.js';
import { toOneLine } from '../../shared/control-chars.js';
import { writeKeyFile } from '../key-file.js';
import { jsonOption, parseNonEmpty, parseSeconds, urlOption } from '../shared-options.js';
import type { Io } from '../terminal/io.js';
import { toJson } from '../terminal/text.js';
import { UsageError } from '../usage-error.js';
import { withApi } from '../with-api.js';

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
      'the file to write: an env line if its name is .env, .env.… or ….env, otherwise JSON',
      parseNonEmpty,
    )
    .option('--print', 'print the keys as JSON instead')
    .addOption(jsonOption())
    .action(async ({ url, out, print, json: isJson }: Options) => {
      if ((out === undefined) !== (print === true)) {
        throw new UsageError('Pass either --out <file> to write the keys to a file, or --print to print them.');
      }
      const keys = await withApi(io, (api) => exportKeys({ api, url, signal: io.signal }));
      if (out === undefined) return io.out(toJson(keys));
      await writeKeyFile(out, keys);
      const events = Object.keys(keys);
      io.out(isJson ? toJson({ file: out, events }) : `${out}: the keys of ${events.map(toOneLine).join(', ')}`);
    });
}

export function rotateCommand(io: Io): Command {
  return new Command('rotate')
    .description('replace a webhook with a new one that has a new key, and archive the old one after a grace time')
    .argument('<id>')
    .option('--grace <seconds>', 'how long both webhooks deliver', parseSeconds, 300)
    .addOption(jsonOption())
    .action(async (id: string, { grace, json: isJson }: { grace: number; json?: boolean }) => {
      const onStage = (stage: RotationStage, webhook: Webhook): void => {
        const isWaiting = stage === 'created' || stage === 'found';
        // Rounded down, because nothing is archived before this time.
        const until = new Date(Math.floor(Date.now() / 1000 + grace) * 1000).toISOString().replace('.000', '');
        io.err(`${stage} ${toOneLine(webhook.id)}${isWaiting ? `; both deliver until ${until}` : ''}`);
        if (isWaiting) io.err(keyFileHint(webhook, until));
      };
      const { archived, replacement } = await withApi(io, (api) =>
        rotateWebhook({ api, id, graceMs: grace * 1000, signal: io.signal, onStage }),
      );
      const result = { archived: archived.id, replacement: replacement.id };
      io.out(
        isJson ? toJson(result) : `${toOneLine(archived.id)} is archived; ${toOneLine(replacement.id)} replaces it.`,
      );
    });
}

function keyFileHint({ url }: Webhook, until: string): string {
  // The user may copy this to a shell, so a URL with characters that are special there is left out.
  const shellSafeUrl = /^[\w.:/~%+,=-]+$/.test(url) ? url : '<url>';
  return `An app that reads its keys from a file needs the new one before ${until}: write it with \`keys --url ${shellSafeUrl} --out <file>\` and restart the app. Apps that use cakemailKeys() need nothing.`;
}
