import { createInterface } from 'node:readline/promises';
import { UsageError } from './connect.js';
import type { Io } from './io.js';

/** Asks the person at the terminal. Without one nobody could answer, so it refuses. */
export async function confirm({ signal }: Io, question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError(`${question} There is no terminal to ask at: pass --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
