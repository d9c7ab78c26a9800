import { close, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const sync = promisify(fdatasync);

/**
 * Brings what SQLite has committed to the disk: what `synchronous=FULL` does at each commit while the process stands still,
 * done beside the event loop and once for all who wait. What it has to sync is the log, which every commit is appended to
 * and which nothing leaves before SQLite has synced it in its own turn.
 */
export class LogSync {
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(private readonly path: string) {}

  /** Resolves once everything that was committed before, by any process, survives a power cut. */
  synced(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    // One that is running may have begun before the commit.
    this.#next ??= this.#running.then(
      () => this.#run(),
      () => this.#run(),
    );
    return this.#next;
  }

  close(): void {
    if (this.#file !== undefined) close(this.#file);
    this.#file = undefined;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    // Opened late: SQLite makes the log with its first transaction. It is there as long as the database is open.
    this.#file ??= openSync(`${this.path}-wal`, 'r+');
    this.#running = sync(this.#file).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
