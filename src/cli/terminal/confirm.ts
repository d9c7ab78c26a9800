import { UsageError } from '../usage-error.js';
import type { Io } from './io.js';

/**
 * Asks a question on the terminal. Only `y` and `yes` count as consent.
 *
 * @throws {UsageError} without a terminal, because a program must pass `--yes` instead.
 */
export async function confirm(io: Io, question: string): Promise<boolean> {
  if (io.readLine === undefined) {
    throw new UsageError(`${question} Without a terminal, pass --yes to confirm.`);
  }
  io.err(`${question} [y/N]`);
  const answer = await io.readLine();
  io.signal.throwIfAborted();
  return /^(y|yes)$/i.test(answer?.trim() ?? '');
}
