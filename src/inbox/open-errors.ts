import { ConfigurationError } from '../shared/errors.js';
import { missingPackage } from '../shared/missing-package.js';
import type { EngineName } from './contract.js';
import { engineError } from './engine-error.js';

/** Loads optional packages, or throws an error that names the command that installs them. */
export async function need<T>(scheme: string, packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (thrown) {
    throw missingPackage('ERR_INBOX_OPEN', scheme, packages, thrown);
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
