import { appendFileSync } from 'node:fs';
import { toError } from '../../shared/error-text.js';
import { ConfigurationError } from '../../shared/errors.js';
import type { Entry } from './entry.js';
import { FileLock } from './file-lock.js';
import { arrivalLine, EntryReader, HEADER, stateLine } from './history-lines.js';
import { linesOf, realPath, replace } from './plain-file.js';

/** Its owner's only: payloads are personal data. */
const MODE = 0o600;
/** Bytes added since the file was last written anew, from which on it is written anew, if they are as many as it had. */
const LEAST_GROWTH = 16 * 1024 * 1024;
const MISUSES: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOENT', 'ENOTDIR', 'ELOOP']);

/**
 * Remembers entries over restarts: a line of JSON for each that came and for each change. No signatures. One process writes
 * it; another one that is given the same file reads what there is, and remembers nothing.
 */
export class HistoryFile {
  readonly #path: string;
  readonly #lock: FileLock;
  readonly #arrived = new WeakSet<Entry>();
  #entries: () => Iterable<Entry> = () => [];
  #isWritten = true;
  #hasHeader = false;
  #hasFailed = false;
  #size = 0;
  #growth = 0;

  /** @throws {ConfigurationError} when it cannot be a file of ours. */
  constructor(private readonly given: string) {
    this.#path = this.#usable(() => realPath(given));
    this.#lock = new FileLock(this.#path);
  }

  /** @throws {ConfigurationError} when the file cannot be read or is something else. */
  load(): Entry[] {
    const reader = new EntryReader();
    this.#usable(() => {
      let isFirst = true;
      for (const line of linesOf(this.#path)) {
        if (isFirst && !HEADER.startsWith(line)) throw new Error('it holds something else');
        this.#hasHeader ||= line === HEADER;
        isFirst = false;
        reader.read(line);
      }
    });
    return reader.entries();
  }

  /**
   * From here on it is written, and never much longer than what is kept. What is on its way to a full disk is a warning.
   *
   * @throws {ConfigurationError} when it cannot be written at all.
   */
  begin(entries: () => Iterable<Entry>): void {
    this.#entries = entries;
    try {
      const owner = this.#lock.take();
      if (owner === undefined) this.#compact();
      else this.#fail(`process ${owner} writes ${this.given}`);
    } catch (thrown) {
      if (MISUSES.has((thrown as NodeJS.ErrnoException).code)) {
        this.#lock.release();
        throw this.#unusable(thrown);
      }
      this.#fail(toError(thrown).message);
    }
  }

  /** At once, so that a crash loses nothing that the page has shown. A full disk must not fail the delivery. */
  append(entry: Entry): void {
    if (!this.#isWritten) return;
    try {
      const lines = `${this.#hasHeader ? '' : `${HEADER}\n`}${this.#linesOf(entry)}`;
      // A line that a crash or a full disk cut short ends here.
      appendFileSync(this.#path, `\n${lines}`, { mode: MODE });
      this.#hasHeader = true;
      this.#arrived.add(entry);
      this.#growth += Buffer.byteLength(lines);
      if (this.#growth > Math.max(LEAST_GROWTH, this.#size)) this.#compact();
    } catch (thrown) {
      this.#warn(toError(thrown).message);
    }
  }

  close(): void {
    this.#isWritten = false;
    this.#lock.release();
  }

  #linesOf(entry: Entry): string {
    return `${this.#arrived.has(entry) ? '' : arrivalLine(entry)}${stateLine(entry)}`;
  }

  /** Leaves out what is forgotten or out of date. */
  #compact(): void {
    try {
      this.#size = replace(this.#path, MODE, this.#whole());
      for (const entry of this.#entries()) this.#arrived.add(entry);
      this.#hasHeader = true;
    } catch (thrown) {
      if (MISUSES.has((thrown as NodeJS.ErrnoException).code)) throw thrown;
      this.#warn(toError(thrown).message);
    } finally {
      this.#growth = 0; // not again at once when it failed
    }
  }

  *#whole(): Generator<string> {
    yield `${HEADER}\n`;
    for (const entry of this.#entries()) yield arrivalLine(entry) + stateLine(entry);
  }

  #fail(why: string): void {
    this.#isWritten = false;
    this.#warn(why);
  }

  #warn(why: string): void {
    if (!this.#hasFailed) process.emitWarning(`The inspector's history is not written: ${why}`);
    this.#hasFailed = true;
  }

  #usable<T>(use: () => T): T {
    try {
      return use();
    } catch (thrown) {
      throw this.#unusable(thrown);
    }
  }

  #unusable(thrown: unknown): ConfigurationError {
    const why = toError(thrown).message;
    return new ConfigurationError('ERR_OPTION_INVALID', `The history in ${this.given} cannot be used: ${why}.`);
  }
}
