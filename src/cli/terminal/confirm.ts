import { UsageError } from '../environment.js';
import type { Io } from './io.js';

/**
 * Asks a question on the terminal; only `y` or `yes` means yes.
 *
 * @throws {UsageError} without a terminal: a program has to say `--yes` instead.
 */
export async function confirm(io: Io, question: string): Promise<boolean> {
  if (io.readLine === undefined) {
    throw new UsageError(`${question} There is no terminal to ask on: pass --yes to go on without being asked.`);
  }
  io.err(`${question} [y/N]`);
  const answer = await io.readLine();
  io.signal.throwIfAborted();
  return /^(y|yes)$/i.test(answer?.trim() ?? '');
}
