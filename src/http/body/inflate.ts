import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** Whether a body arrives as it is. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding.toLowerCase() === 'identity';
}

/** What undoes a content encoding; undefined for one that is not known, and for a chain of several. */
export function decoderFor(encoding: string | undefined): (() => Transform) | undefined {
  return encoding === undefined ? undefined : DECODERS.get(encoding.toLowerCase());
}
