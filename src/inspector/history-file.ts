import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigurationError, toError } from '../errors.js';
import type { Entry } from './entry.js';
import { FileLock } from './file-lock.js';
import { arrivalLine, EntryReader, HEADER, stateLine } from './history-lines.js';

/** Its owner's only: payloads are personal data. */
const MODE = 0o600;
/** Bytes added since the file was last written anew, from which on it is written anew, if they are as many as it had. */
const LEAST_GROWTH = 16 * 1024 * 1024;
const PIECE = 1024 * 1024;
/** No line of ours is longer. */
const LONGEST_LINE = 64 * PIECE;
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
      if (MISUSES.has((thrown as NodeJS.ErrnoException).code)) throw this.#unusable(thrown);
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
      this.#growth += lines.length;
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
    removeDrafts(this.#path);
    const draft = `${this.#path}.${randomUUID()}.draft`;
    try {
      if (existsSync(this.#path)) chmodSync(this.#path, MODE);
      this.#size = writeAll(draft, this.#entries());
      renameSync(draft, this.#path);
      for (const entry of this.#entries()) this.#arrived.add(entry);
      this.#hasHeader = true;
    } catch (thrown) {
      rmSync(draft, { force: true });
      if (MISUSES.has((thrown as NodeJS.ErrnoException).code)) throw thrown;
      this.#warn(toError(thrown).message);
    } finally {
      this.#growth = 0; // not again at once when it failed
    }
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

/** Where a file is, or will be. */
function realPath(path: string): string {
  try {
    const real = realpathSync(path);
    if (!statSync(real).isFile()) throw new Error('it is no plain file');
    return real;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    return join(realpathSync(dirname(path)), basename(path));
  }
}

function* linesOf(path: string): Generator<string> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  try {
    const piece = Buffer.alloc(PIECE);
    let begun: Buffer[] = [];
    let length = 0;
    for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) {
      let start = 0;
      for (let end = piece.indexOf(10); end >= 0 && end < read; end = piece.indexOf(10, start)) {
        const line = textOf([...begun, piece.subarray(start, end)]);
        begun = [];
        length = 0;
        start = end + 1;
        if (line !== '') yield line;
      }
      if (length > LONGEST_LINE) continue;
      begun.push(Buffer.from(piece.subarray(start, read)));
      length += read - start;
    }
    const last = textOf(begun);
    if (last !== '') yield last;
  } finally {
    closeSync(fd);
  }
}

/** A power cut may leave zeros where a line was. */
function textOf(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString().replaceAll('\0', '');
}

/** Gives its length. */
function writeAll(path: string, entries: Iterable<Entry>): number {
  const fd = openSync(path, 'wx', MODE);
  try {
    let length = 0;
    const write = (lines: string): void => {
      writeFileSync(fd, lines);
      length += lines.length;
    };
    write(`${HEADER}\n`);
    for (const entry of entries) write(arrivalLine(entry) + stateLine(entry));
    return length;
  } finally {
    closeSync(fd);
  }
}

/** Of processes that ended while they wrote one. */
function removeDrafts(path: string): void {
  const name = basename(path);
  for (const each of readdirSync(dirname(path))) {
    const isDraft = each.startsWith(`${name}.`) && /^\.[0-9a-f-]{36}\.draft$/.test(each.slice(name.length));
    if (isDraft) rmSync(join(dirname(path), each), { force: true });
  }
}
