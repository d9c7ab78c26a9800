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
  const cause = toError(thrown);
  return new ConfigurationError('ERR_INBOX_OPEN', `${server}: ${cause.message.replace(/[.]$/, '')}.`, cause);
}
