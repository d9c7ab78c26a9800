import { CakemailApi, CakemailApiError, type Retry } from '../api/index.js';
import { ConfigurationError } from '../shared/errors.js';
import type { Io } from './terminal/io.js';
import { UsageError } from './usage-error.js';

/** The environment variables of the client's options, by the names in its error messages. */
const VARIABLES: Readonly<Record<string, string>> = {
  '`accountId`': 'CAKEMAIL_ACCOUNT_ID',
  '`baseUrl`': 'CAKEMAIL_API_URL',
};

/**
 * Calls a function with an API client whose credentials come from the environment, because every user of the machine can read
 * arguments. An error names the environment variable to correct.
 */
export async function withApi<T>(io: Io, work: (api: CakemailApi) => Promise<T>): Promise<T> {
  const api = connect(io);
  try {
    return await work(api);
  } catch (thrown) {
    throw thrown instanceof CakemailApiError ? namingVariable(thrown, io) : thrown;
  }
}

function connect(io: Io): CakemailApi {
  const { env } = io;
  const read = (name: string): string | undefined => env[name] || undefined;
  // A variable that is empty by mistake must not select the production API.
  const baseUrl = env['CAKEMAIL_API_URL'];
  if (baseUrl?.trim() === '') {
    throw new UsageError('CAKEMAIL_API_URL is empty. Set it to a URL, or unset it.');
  }
  const accountId = read('CAKEMAIL_ACCOUNT_ID');
  const options = {
    ...credentials(read('CAKEMAIL_TOKEN'), read('CAKEMAIL_USERNAME'), read('CAKEMAIL_PASSWORD')),
    ...(accountId !== undefined && { accountId: Number(accountId) }),
    baseUrl,
    onRetry: (retry: Retry) => io.err(formatRetry(retry)),
  };
  try {
    return new CakemailApi(options);
  } catch (thrown) {
    if (!(thrown instanceof ConfigurationError)) throw thrown;
    throw new UsageError(
      Object.entries(VARIABLES).reduce((text, [option, variable]) => text.replace(option, variable), thrown.message),
    );
  }
}

function credentials(token: string | undefined, username: string | undefined, password: string | undefined) {
  if (token !== undefined) {
    if (/^[\x21-\x7e]+$/.test(token)) return { token };
    throw new UsageError('CAKEMAIL_TOKEN must be a token: visible ASCII characters without spaces or line breaks.');
  }
  if (username !== undefined && password !== undefined) {
    if (username.trim() !== '' && password.trim() !== '') return { username, password };
    throw new UsageError('CAKEMAIL_USERNAME and CAKEMAIL_PASSWORD must not be blank.');
  }
  if (username !== undefined) throw new UsageError('CAKEMAIL_USERNAME is set, but CAKEMAIL_PASSWORD is not.');
  if (password !== undefined) throw new UsageError('CAKEMAIL_PASSWORD is set, but CAKEMAIL_USERNAME is not.');
  throw new UsageError('Set CAKEMAIL_TOKEN, or CAKEMAIL_USERNAME and CAKEMAIL_PASSWORD, in the environment.');
}

/** Adds the environment variable that the failed call depends on to its error. */
function namingVariable(error: CakemailApiError, { env }: Io): CakemailApiError {
  const { code, apiStatus } = error;
  if (code === 'ERR_API_MFA' || apiStatus === 401 || apiStatus === 403) {
    const user = 'the user is that of CAKEMAIL_USERNAME and CAKEMAIL_PASSWORD';
    const account = env['CAKEMAIL_ACCOUNT_ID'] ? ', the account that of CAKEMAIL_ACCOUNT_ID' : '';
    return error.with({ detail: `${env['CAKEMAIL_TOKEN'] ? 'the token is that of CAKEMAIL_TOKEN' : user}${account}` });
  }
  const mayBeUrl = apiStatus === 404 || (apiStatus === undefined && error.retryAt === undefined);
  if (mayBeUrl && env['CAKEMAIL_API_URL']) return error.with({ detail: 'the address is that of CAKEMAIL_API_URL' });
  return error;
}

function formatRetry({ attempt, attempts, delayMs, error }: Retry): string {
  const seconds = `${Math.round(delayMs / 100) / 10} s`;
  if (attempt >= attempts) return `${error.message}. Checking in ${seconds} whether it was carried out.`;
  return `${error.message}. Trying again in ${seconds} (attempt ${attempt + 1} of ${attempts}).`;
}
