import { CakemailApi, CakemailApiError, type Retry } from '../api/index.js';
import { ConfigurationError } from '../shared/errors.js';
import type { Io } from './terminal/io.js';

/** The variables that stand for options of the client. */
const VARIABLES: Readonly<Record<string, string>> = {
  '`accountId`': 'CAKEMAIL_ACCOUNT_ID',
  '`baseUrl`': 'CAKEMAIL_API_URL',
};

/**
 * Does something with a client that has the credentials of the environment: in arguments, every user of the machine could read
 * them. An error names the variable that it comes from.
 */
export async function withApi<T>(io: Io, work: (api: CakemailApi) => Promise<T>): Promise<T> {
  const api = connect(io);
  try {
    return await work(api);
  } catch (thrown) {
    throw thrown instanceof CakemailApiError ? explained(thrown, io) : thrown;
  }
}

function connect(io: Io): CakemailApi {
  const { env } = io;
  const given = (name: string): string | undefined => env[name] || undefined;
  // What is set to nothing by mistake must not mean the real one.
  const baseUrl = env['CAKEMAIL_API_URL'];
  if (baseUrl?.trim() === '') {
    throw new UsageError('CAKEMAIL_API_URL is set, and empty: set it to an address, or not at all.');
  }
  const accountId = given('CAKEMAIL_ACCOUNT_ID');
  const options = {
    ...credentials(given('CAKEMAIL_TOKEN'), given('CAKEMAIL_USERNAME'), given('CAKEMAIL_PASSWORD')),
    ...(accountId !== undefined && { accountId: Number(accountId) }),
    baseUrl,
    onRetry: (retry: Retry) => io.err(retryLine(retry)),
  };
  try {
    return new CakemailApi(options);
  } catch (thrown) {
    if (!(thrown instanceof ConfigurationError)) throw thrown;
    throw new UsageError(
      Object.entries(VARIABLES).reduce((said, [name, variable]) => said.replace(name, variable), thrown.message),
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

/** The error with the name of the variable that was set, where that is what may have to be corrected. */
function explained(error: CakemailApiError, { env }: Io): CakemailApiError {
  const { code, apiStatus } = error;
  if (code === 'ERR_API_MFA' || apiStatus === 401 || apiStatus === 403) {
    const user = 'the user is that of CAKEMAIL_USERNAME and CAKEMAIL_PASSWORD';
    const account = env['CAKEMAIL_ACCOUNT_ID'] ? ', the account that of CAKEMAIL_ACCOUNT_ID' : '';
    return error.with({ detail: `${env['CAKEMAIL_TOKEN'] ? 'the token is that of CAKEMAIL_TOKEN' : user}${account}` });
  }
  const isAddress = apiStatus === 404 || (apiStatus === undefined && error.retryAt === undefined);
  if (isAddress && env['CAKEMAIL_API_URL']) return error.with({ detail: 'the address is that of CAKEMAIL_API_URL' });
  return error;
}

function retryLine({ attempt, attempts, delayMs, error }: Retry): string {
  const seconds = `${Math.round(delayMs / 100) / 10} s`;
  if (attempt >= attempts) return `${error.message}. Looking in ${seconds} whether it was done.`;
  return `${error.message}. Trying again in ${seconds} (attempt ${attempt + 1} of ${attempts}).`;
}

/** The command was not used as it should be. */
export class UsageError extends Error {}
