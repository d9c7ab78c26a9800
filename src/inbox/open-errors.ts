import { ConfigurationError } from '../shared/errors.js';
import { missingPackage } from '../shared/missing-package.js';
import type { EngineName } from './contract.js';
import { toInboxError } from './inbox-error.js';

/** Imports the optional packages of an engine, or throws an error that names the command that installs them. */
export async function importPackages<T>(scheme: string, packages: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (thrown) {
    throw missingPackage('ERR_INBOX_OPEN', scheme, packages, thrown);
  }
}

/**
 * Converts what an engine threw while it was being opened. `path` is the file of the inbox. The error holds neither the address, which may contain a
 * password, nor the driver's own error, which may contain the address or the refused command.
 */
export function toOpenError(engine: EngineName, thrown: unknown, path?: string): ConfigurationError {
  const cause = toInboxError(engine, thrown);
  const message = cause.message.replace(/[.]$/, '');
  return new ConfigurationError('ERR_INBOX_OPEN', path === undefined ? `${message}.` : `${message}: ${path}.`, cause);
}
