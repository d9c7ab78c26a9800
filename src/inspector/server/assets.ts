import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Built from `page/`, and shipped beside the folder of this file. */
const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
} as const;

export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

/** A static file of the page, by its name; the page itself by none. */
export async function assetOf(name: string): Promise<Asset | undefined> {
  const file = name === '' ? 'index.html' : name;
  if (!Object.hasOwn(TYPES, file)) return undefined;
  return { type: TYPES[file as keyof typeof TYPES], content: await readFile(join(__dirname, '..', 'page', file)) };
}
