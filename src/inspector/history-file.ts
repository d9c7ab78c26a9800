import { appendFileSync, chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigurationError, toError } from '../errors.js';
import type { Entry } from './entry.js';

/** Its owner's only: payloads are personal data. */
const MODE = 0o600;
/** Lines for each entry that is kept, above which the file is written anew. */
const MOST_LINES_PER_ENTRY = 2;

const run = z.object({
  attempt: z.number(),
  at: z.number(),
  outcome: z.enum(['running', 'handled', 'unhandled', 'failed']),
  durationMs: z.number().nullable(),
  error: z.string().nullable(),
  handlers: z.array(z.object({ name: z.string(), durationMs: z.number().nullable(), error: z.string().nullable() })),
});

const line = z
  .object({
    key: z.int().positive(),
    id: z.string().nullable(),
    event: z.string().nullable(),
    at: z.number(),
    body: z.base64(),
    headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    origin: z.enum(['received', 'edited', 'inbox']),
    outcome: z.enum(['handled', 'unhandled', 'duplicate', 'stored', 'rejected', 'failed', 'dead']),
    status: z.number().nullable(),
    reason: z.string().nullable(),
    cause: z.string().nullable(),
    durationMs: z.number().nullable(),
    drift: z.array(z.string()),
    runs: z.array(run),
  })
  .transform(({ body, ...entry }): Entry => ({ ...entry, rawBody: Buffer.from(body, 'base64'), signature: null }));

/** Remembers entries over restarts: a line of JSON for each change, of which the last one counts. No signatures. */
export class HistoryFile {
  #lines = 0;
  #hasFailed = false;

  constructor(private readonly path: string) {}

  /** @throws {ConfigurationError} when the file cannot be read or is something else. */
  load(): Entry[] {
    const entries = new Map<number, Entry>();
    for (const text of this.#read().split('\n')) {
      if (text === '') continue;
      this.#lines++;
      const entry = parse(text);
      if (entry !== undefined) entries.set(entry.key, entry);
    }
    if (this.#lines > 0 && entries.size === 0) throw unusable(this.path, 'it holds something else');
    return [...entries.values()].sort((a, b) => a.key - b.key);
  }

  /** Leaves out what is forgotten, if that is much. */
  compact(entries: readonly Entry[]): void {
    const isSmall = this.#lines <= entries.length * MOST_LINES_PER_ENTRY;
    try {
      if (this.#lines > 0 && isSmall) {
        chmodSync(this.path, MODE);
        return;
      }
      const draft = `${this.path}.${process.pid}.draft`;
      writeFileSync(draft, entries.map(lineOf).join(''), { mode: MODE });
      renameSync(draft, this.path);
      this.#lines = entries.length;
    } catch (thrown) {
      throw unusable(this.path, toError(thrown).message);
    }
  }

  /** At once, so that a crash loses nothing that the page has shown. A full disk must not fail the delivery. */
  append(entry: Entry): void {
    try {
      // A line that a crash cut short ends here.
      appendFileSync(this.path, `\n${lineOf(entry)}`, { mode: MODE });
    } catch (thrown) {
      if (!this.#hasFailed) process.emitWarning(`The inspector's history is not written: ${toError(thrown).message}`);
      this.#hasFailed = true;
    }
  }

  #read(): string {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw unusable(this.path, toError(thrown).message);
    }
  }
}

function lineOf({ rawBody, signature: _, ...entry }: Entry): string {
  return `${JSON.stringify({ ...entry, body: rawBody.toString('base64') })}\n`;
}

function parse(text: string): Entry | undefined {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    return undefined; // cut short by a crash
  }
}

function unusable(path: string, why: string): ConfigurationError {
  return new ConfigurationError('ERR_OPTION_INVALID', `The history in ${path} cannot be used: ${why}.`);
}
