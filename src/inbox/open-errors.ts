import { toError } from '../shared/error-text.js';
import { ConfigurationError } from '../shared/errors.js';
import type { EngineName } from './contract.js';
import { engineError } from './engine-error.js';

/** An optional package, or a word on how to install it. */
export async function need<T>(scheme: string, packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (thrown) {
    throw new ConfigurationError(
      'ERR_INBOX_OPEN',
      `${scheme} needs a package that is not there: npm install ${packages}.`,
      toError(thrown),
    );
  }
}

/**
 * Says what failed, and where. Never the address, which may hold a password, nor the driver's own error, which may hold the
 * address or the command that was refused.
 */
export function cannotOpen(engine: EngineName, thrown: unknown, where: string = engine): ConfigurationError {
  const cause = engineError(engine, thrown);
  const said = cause.message.replace(`${engine} `, '').replace(/[.]$/, '');
  return new ConfigurationError('ERR_INBOX_OPEN', `${where}: ${said}.`, cause);
}
