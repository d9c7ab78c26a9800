import { ConfigurationError, toError } from '../errors.js';

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

/** Says what the server said; never the address, which may hold a password. */
export function cannotOpen(server: string, thrown: unknown): ConfigurationError {
  // Of the cause the words only: the errors of some drivers hold the address, or the command that was refused.
  const cause = new Error(toError(thrown).message);
  return new ConfigurationError('ERR_INBOX_OPEN', `${server}: ${cause.message.replace(/[.]$/, '')}.`, cause);
}
