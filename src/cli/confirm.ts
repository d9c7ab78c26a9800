import { createInterface } from 'node:readline';
import { UsageError } from './connect.js';
import type { Io } from './io.js';

/** Asks the person at the terminal. Without a terminal it refuses, because no answer can come. */
export async function confirm({ err, signal }: Io, question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError(`${question} There is no terminal to ask at: pass --yes.`);
  err(`${question} [y/N]`);
  // As no terminal of its own, so that Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin, terminal: false, signal });
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    signal.throwIfAborted();
    return false;
  } finally {
    lines.close();
  }
}
