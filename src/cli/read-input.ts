import { readFile } from 'node:fs/promises';
import { UsageError } from './environment.js';

/** The file that an option names. */
export async function fileOf(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (thrown) {
    throw new UsageError(`${option}: the file cannot be read. ${(thrown as Error).message}`);
  }
}
