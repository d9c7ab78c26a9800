import { createHash } from 'node:crypto';
import { textOf } from '../shared/errors.js';

/**
 * What a handler is known by after a restart: what it listens to and its source. A handler that was changed is another
 * one, and runs (again): that is the safe side.
 */
export function handlerKind(subjects: readonly (string | symbol)[], handler: unknown): string {
  const source = `${subjects.map(String).sort().join()}\n${textOf(handler)}`;
  return createHash('sha256').update(source).digest('base64url').slice(0, 16);
}
