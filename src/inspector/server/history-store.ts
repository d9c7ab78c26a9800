import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type Database from 'libsql';
import { toError } from '../../shared/error-text.js';
import { ConfigurationError } from '../../shared/errors.js';
import { missingPackage } from '../../shared/missing-package.js';
import type { Entry } from './entry.js';

/** Payloads are personal data, so only the owner of the file may read them. */
const MODE = 0o600;
/** Milliseconds that a start waits for a process that is ending. The event loop stands still for that time. */
const BUSY_MS = 1_000;
/** A file that is in use, damaged or on a full disk must not keep an app from starting. */
const RUNTIME_FAILURE = /^SQLITE_(BUSY|FULL|IOERR|CORRUPT)/;

interface Table {
  readonly db: Database.Database;
  readonly write: Database.Statement;
  readonly removeUpTo: Database.Statement;
}

interface Row {
  readonly key: number;
  readonly body: ArrayBuffer;
  readonly entry: ArrayBuffer;
}

/**
 * Keeps entries over restarts, without their signatures, in a SQLite file that one process at a time can use. When the file
 * cannot be used, the store warns once and the history goes on in memory.
 */
export class HistoryStore {
  readonly #changed = new Set<Entry>();
  #table: Table | undefined;
  #forgottenKey = 0;
  #scheduled: NodeJS.Immediate | undefined;
  #hasWarned = false;

  /** @throws {ConfigurationError} when `libsql` is not installed, or when the file cannot be a history. */
  constructor(private readonly path: string) {
    const SQLite = loadDriver();
    try {
      this.#table = open(SQLite, path);
      process.once('exit', this.flush);
    } catch (thrown) {
      if (!RUNTIME_FAILURE.test(`${(thrown as NodeJS.ErrnoException).code}`)) {
        const message = `The history file ${path} cannot be used: ${reasonOf(thrown)}.`;
        throw new ConfigurationError('ERR_OPTION_INVALID', message, toError(thrown));
      }
      this.#warn(thrown);
    }
  }

  /** The entries of earlier processes, the oldest first. */
  load(): Entry[] {
    try {
      return this.#table === undefined ? [] : read(this.#table.db);
    } catch (thrown) {
      this.#warn(thrown);
      this.close();
      return [];
    }
  }

  /** Writes the entry at the end of this turn of the event loop, in one transaction with the others of the turn. */
  save(entry: Entry): void {
    this.#changed.add(entry);
    this.#scheduled ??= setImmediate(this.flush);
  }

  /** Removes the entry and all older ones. */
  forget(entry: Entry): void {
    this.#changed.delete(entry);
    this.#forgottenKey = entry.key;
    this.#scheduled ??= setImmediate(this.flush);
  }

  /** Writes all changes so far. A failure is a warning, because it must not fail a delivery. */
  readonly flush = (): void => {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    try {
      if (this.#table !== undefined) this.#writeTo(this.#table);
    } catch (thrown) {
      this.#warn(thrown);
    }
    this.#changed.clear();
  };

  close(): void {
    this.flush();
    process.off('exit', this.flush);
    try {
      // The driver keeps its connection until its statements are garbage, so closing it does not release the lock.
      this.#table?.db.exec(
        'PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; SELECT 1 FROM inspector_history LIMIT 1',
      );
    } catch (thrown) {
      this.#warn(thrown);
    }
    this.#table?.db.close();
    this.#table = undefined;
  }

  #writeTo({ db, write, removeUpTo }: Table): void {
    db.exec('BEGIN');
    try {
      removeUpTo.run(this.#forgottenKey);
      for (const { key, rawBody, signature: _, ...rest } of this.#changed) {
        write.run(key, rawBody, JSON.stringify(rest));
      }
      db.exec('COMMIT');
    } finally {
      if (db.inTransaction) db.exec('ROLLBACK');
    }
  }

  #warn(thrown: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(`The inspector's history is not written to ${this.path}: ${reasonOf(thrown)}.`);
  }
}

/** Uses `require`, because `inspector()` is synchronous. The built code is CommonJS. */
function loadDriver(): typeof Database {
  try {
    return require('libsql');
  } catch (thrown) {
    throw missingPackage('ERR_OPTION_INVALID', 'The history file', 'libsql', thrown);
  }
}

function open(SQLite: typeof Database, given: string): Table {
  // An absolute path, because the driver gives names such as `:memory:` and `file:history` another meaning.
  const path = resolve(given);
  create(path);
  const db = new SQLite(path);
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE`);
    db.exec(
      statSync(path).size === 0
        ? 'CREATE TABLE inspector_history (key INTEGER PRIMARY KEY, body BLOB NOT NULL, entry TEXT NOT NULL)'
        : 'SELECT key, body, entry FROM inspector_history LIMIT 0',
    );
    // SQLite gives its log the mode of the file.
    chmodSync(path, MODE);
    db.exec('COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    return {
      db,
      write: db.prepare('INSERT OR REPLACE INTO inspector_history (key, body, entry) VALUES (?, ?, ?)'),
      removeUpTo: db.prepare('DELETE FROM inspector_history WHERE key <= ?'),
    };
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/** Creates the file. An existing file is not opened, because closing it would release the locks that this process has on it. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', MODE));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    const stats = statSync(path);
    if (!stats.isFile()) throw new Error('it is not a regular file');
    const user = process.geteuid?.(); // undefined on Windows
    if (user !== undefined && stats.uid !== user) throw new Error('it belongs to another user');
  }
}

function read(db: Database.Database): Entry[] {
  // The texts are read as bytes, because the driver aborts the process when a text is not UTF-8.
  const query =
    'SELECT key, CAST(body AS BLOB) AS body, CAST(entry AS BLOB) AS entry FROM inspector_history ORDER BY key';
  const rows = db.prepare(query).all() as Row[];
  return rows.map(({ key, body, entry }) => {
    const stored = JSON.parse(Buffer.from(entry).toString()) as Omit<Entry, 'key' | 'rawBody' | 'signature'>;
    return interrupted({ ...stored, key, rawBody: Buffer.from(body), signature: null });
  });
}

/** Ends the runs that the end of the process interrupted. */
function interrupted(entry: Entry): Entry {
  for (const run of entry.runs) if (run.outcome === 'running') run.outcome = 'failed';
  return entry.outcome === 'running'
    ? { ...entry, outcome: 'failed', cause: 'The process ended before this was answered.' }
    : entry;
}

function reasonOf(thrown: unknown): string {
  const { code, message } = toError(thrown) as NodeJS.ErrnoException;
  if (code === 'SQLITE_BUSY') return 'another process uses it';
  return /no such (table|column)/.test(message) ? 'it holds something else' : message;
}
