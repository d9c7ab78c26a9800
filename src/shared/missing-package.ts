import { toError } from './error-text.js';
import { ConfigurationError } from './errors.js';

/** The error to throw when optional packages cannot be loaded. It names the command that installs them. */
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
