import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The build puts these files into `page/`, next to the folder of this file. */
const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
} as const;

export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

/** Reads a static file of the page by its name. The empty name stands for the page itself. */
export async function assetOf(name: string): Promise<Asset | undefined> {
  const file = name === '' ? 'index.html' : name;
  if (!Object.hasOwn(TYPES, file)) return undefined;
  return { type: TYPES[file as keyof typeof TYPES], content: await readFile(join(__dirname, '..', 'page', file)) };
}
