import { readFile } from 'node:fs/promises';
import { UsageError } from './usage-error.js';

/** Reads the file that an option names. */
export async function readInputFile(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (thrown) {
    throw new UsageError(`${option}: the file cannot be read. ${(thrown as Error).message}`);
  }
}
