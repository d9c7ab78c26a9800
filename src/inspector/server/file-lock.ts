import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Files that this process has locked. */
const HELD = new Set<string>();

/** Keeps others from writing a file: beside it stands another one that names the process. */
export class FileLock {
  readonly #path: string;
  #isHeld = false;

  constructor(path: string) {
    this.#path = `${path}.lock`;
  }

  /** Undefined when it is had; otherwise the process that has it. */
  take(): number | undefined {
    if (HELD.has(this.#path)) return process.pid;
    for (;;) {
      try {
        writeFileSync(this.#path, `${process.pid}`, { flag: 'wx', mode: 0o600 });
        HELD.add(this.#path);
        this.#isHeld = true;
        process.once('exit', this.release);
        return undefined;
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
      }
      const owner = this.#owner();
      if (owner !== undefined) return owner;
      rmSync(this.#path, { force: true });
    }
  }

  readonly release = (): void => {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    HELD.delete(this.#path);
    process.off('exit', this.release);
    rmSync(this.#path, { force: true });
  };

  /** Undefined when it was left behind by a process that is gone: in a container its number may even be ours. */
  #owner(): number | undefined {
    let pid: number;
    try {
      pid = Number(readFileSync(this.#path, 'utf8'));
    } catch {
      return undefined;
    }
    return Number.isInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid) ? pid : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
