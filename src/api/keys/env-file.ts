import { randomUUID } from 'node:crypto';
import { open, readFile, readlink, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { together } from '../client/api-errors.js';
import type { CakemailApi } from '../client/client.js';
import type { Cancellable } from '../client/webhooks.js';
import { withVariable } from './env-text.js';
import { fetchKeys } from './fetch-keys.js';

const NAME = 'CAKEMAIL_WEBHOOK_SECRETS';

export interface WriteKeysOptions extends Cancellable {
  readonly api: CakemailApi;
  /** The URL that the webhooks deliver to. */
  readonly url: string;
  /** The file: made if it is not there; its other lines stay as they are. Of a symbolic link, what it points to. */
  readonly file: string;
}

/**
 * Writes the keys of all active webhooks on a URL to an env file, as `CAKEMAIL_WEBHOOK_SECRETS`: a map from event to keys, in
 * JSON. The file becomes its owner's only (0600), and is replaced in one step. A definition that is there is replaced, further
 * ones are removed.
 *
 * ```ts
 * createWebhookRouter({ secret: JSON.parse(process.env.CAKEMAIL_WEBHOOK_SECRETS ?? '') });
 * ```
 *
 * Resolves to the events that have a key.
 *
 * @throws {ConfigurationError} when there is no webhook, or when it is not clear how the file is to be read, because of a quote
 * that is never closed for instance. Then nothing is written.
 * @throws {CakemailApiError} when the API does, also when the key of a single webhook cannot be read. The error names the webhook
 * and its event. Nothing is written, so that no key is lost.
 */
export async function writeKeys({ api, url, file, signal }: WriteKeysOptions): Promise<string[]> {
  const { keys, failures } = await fetchKeys({ api, url, signal });
  // The file would lose a key that it may have, and the app refuse what that webhook delivers.
  const [first, ...others] = failures;
  if (first !== undefined) throw together([first, ...others]).with({ detail: 'nothing was written' });
  const plain = Object.entries(keys).map(([event, list]) => [event, list.map(({ key }) => key)]);
  // Plain ASCII, whatever the encoding of the file; env files know no escape for a quote, but JSON does.
  const json = JSON.stringify(Object.fromEntries(plain)).replace(/[^\x20-\x7e]|'/g, escaped);
  const target = await targetOf(file);
  const before = await readFile(target, 'latin1').catch(ifMissing(''));
  await replace(target, withVariable(before, NAME, json));
  return plain.map(([event]) => event as string);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The file itself, also where a link points to one that is not there yet. */
async function targetOf(file: string): Promise<string> {
  const real = await realpath(file).catch(ifMissing(undefined));
  if (real !== undefined) return real;
  const link = await readlink(file).catch(ifMissing(undefined));
  return link === undefined ? file : targetOf(resolve(await realpath(dirname(file)), link));
}

function ifMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return instead;
    throw error;
  };
}

async function replace(file: string, text: string): Promise<void> {
  // In the same folder, or it could not be renamed in one step.
  const temporary = join(dirname(file), `.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text, 'latin1');
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
