import { CakemailApi } from '../api/index.js';
import type { Io } from './io.js';

/** A client with the credentials of the environment: in arguments, every user of the machine could read them. */
export function connect({ env }: Io): CakemailApi {
  const given = (name: string): string | undefined => env[name] || undefined;
  // What is set to nothing by mistake must not mean the real one.
  const baseUrl = env['CAKEMAIL_API_URL'];
  if (baseUrl?.trim() === '') {
    throw new UsageError('CAKEMAIL_API_URL is set, and empty: set it to an address, or not at all.');
  }
  const accountId = given('CAKEMAIL_ACCOUNT_ID');
  const token = given('CAKEMAIL_TOKEN');
  const username = given('CAKEMAIL_USERNAME');
  const password = given('CAKEMAIL_PASSWORD');
  if (token === undefined && (username === undefined || password === undefined)) {
    throw new UsageError('Set CAKEMAIL_TOKEN, or CAKEMAIL_USERNAME and CAKEMAIL_PASSWORD, in the environment.');
  }
  return new CakemailApi({
    ...(token === undefined ? { username, password } : { token }),
    ...(accountId !== undefined && { accountId: Number(accountId) }),
    baseUrl,
  });
}

/** The command was not used as it should be. */
export class UsageError extends Error {}
