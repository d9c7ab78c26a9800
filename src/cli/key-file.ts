import { randomUUID } from 'node:crypto';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toError } from '../shared/error-text.js';
import { unicodeEscape } from '../shared/unicode-escape.js';
import { readInputFile } from './read-input.js';
import { toJson, toJsonLine } from './terminal/text.js';
import { UsageError } from './usage-error.js';

/** The keys of each event, as `exportKeys()` returns them. */
type KeyMap = Readonly<Record<string, readonly string[]>>;

const ENV_LINE = /^CAKEMAIL_WEBHOOK_SECRETS='([^']*)'\r?\n?$/;
/** Every published name has this form, which distinguishes a map of keys from other JSON files. */
const EVENT_NAME = /^[A-Z]\w*\.[A-Z]\w*$/;

/**
 * Writes keys to a file that only its owner may read (0600). A file named `.env`, `.env.…` or `….env` gets one line that defines
 * `CAKEMAIL_WEBHOOK_SECRETS`; any other file gets JSON. The file is replaced atomically.
 *
 * @throws {UsageError} when the path holds anything but a key file, which is then not changed.
 */
export async function writeKeyFile(file: string, keys: KeyMap): Promise<void> {
  await checkReplaceable(file);
  try {
    await replaceFile(file, isEnvFile(file) ? envLine(keys) : `${toJson(keys)}\n`);
  } catch (thrown) {
    throw new Error(`${file} could not be written: ${toError(thrown).message}`);
  }
}

/** Returns the JSON in the text of a key file, which may be an env line. */
export function extractKeyJson(text: string): string {
  return ENV_LINE.exec(text)?.[1] ?? text;
}

function isEnvFile(file: string): boolean {
  return /^\.env(\.|$)|\.env$/.test(basename(file));
}

function envLine(keys: KeyMap): string {
  // Env files have no escape for a quote, and some programs expand variables even between single quotes; JSON has escapes for both.
  return `CAKEMAIL_WEBHOOK_SECRETS='${toJsonLine(keys).replace(/['$]/g, unicodeEscape)}'\n`;
}

async function checkReplaceable(file: string): Promise<void> {
  const stats = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (stats === undefined) return;
  if (!stats.isFile()) {
    const kind = stats.isSymbolicLink()
      ? 'a symbolic link'
      : stats.isDirectory()
        ? 'a directory'
        : 'not a regular file';
    throw new UsageError(`--out: ${file} is ${kind}. Name a regular file, or use --print.`);
  }
  if (isKeyFile((await readInputFile('--out', file)).toString())) return;
  throw new UsageError(
    `--out: ${file} was not written by \`keys\`, so it is not replaced. Name another file, or move this one away.`,
  );
}

function isKeyFile(text: string): boolean {
  try {
    const entries = Object.entries(JSON.parse(extractKeyJson(text)) as object);
    return entries.length > 0 && entries.every(([event, keys]) => EVENT_NAME.test(event) && isKeyList(keys));
  } catch {
    return false;
  }
}

function isKeyList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((key) => typeof key === 'string' && key !== '');
}

async function replaceFile(file: string, text: string): Promise<void> {
  // The temporary file is in the same folder, because a rename cannot cross file systems.
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
