import { toError } from './error-text.js';
import { ConfigurationError } from './errors.js';

/** Creates the error for optional packages that cannot be loaded. It names the command that installs them. */
export function missingPackage(
  code: ConfigurationError['code'],
  neededBy: string,
  packages: string,
  cause: unknown,
): ConfigurationError {
  return new ConfigurationError(
    code,
    `${neededBy} needs a package that is not installed: npm install ${packages}.`,
    toError(cause),
  );
}
