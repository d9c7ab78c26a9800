import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NamedSecret } from '../signature/keys.js';
import type { CakemailApi } from './client.js';
import { fetchKeys } from './keys.js';
import type { Cancellable } from './webhooks.js';

const NAME = 'CAKEMAIL_WEBHOOK_SECRETS';
const LINE = new RegExp(`^(export +)?${NAME}=.*$`, 'm');

export interface WriteKeysOptions extends Cancellable {
  readonly api: CakemailApi;
  /** The URL that the webhooks deliver to. */
  readonly url: string;
  /** The file: made if it is not there; its other lines stay as they are. */
  readonly file: string;
}

/**
 * Writes the keys of all active webhooks on a URL to an env file, as `CAKEMAIL_WEBHOOK_SECRETS`: a map from event to keys, in
 * JSON. The file becomes its owner's only (0600), and is replaced in one step.
 *
 * ```ts
 * createWebhookRouter({ secret: JSON.parse(process.env.CAKEMAIL_WEBHOOK_SECRETS ?? '') });
 * ```
 *
 * Resolves to the events that have a key.
 */
export async function writeKeys({ api, url, file, signal }: WriteKeysOptions): Promise<string[]> {
  const keys = await fetchKeys({ api, url, signal });
  const plain = Object.entries(keys).map(([event, list]) => [event, (list as NamedSecret[]).map(({ key }) => key)]);
  // Env files know no escape within single quotes; JSON knows one for the quote itself.
  const json = JSON.stringify(Object.fromEntries(plain)).replaceAll("'", '\\u0027');
  const line = `${NAME}='${json}'`;
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const after = LINE.test(before)
    ? before.replace(LINE, () => line)
    : `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${line}\n`;
  await replace(file, after);
  return plain.map(([event]) => event as string);
}

async function replace(file: string, text: string): Promise<void> {
  // In the same folder, or it could not be renamed in one step.
  const temporary = join(dirname(file), `.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}
