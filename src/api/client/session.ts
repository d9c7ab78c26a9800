import { CakemailApiError } from './api-errors.js';
import type { HttpSettings } from './call.js';
import { MFA_REQUIRED } from './exchange.js';
import { tokenSchema } from './response-schemas.js';
import { send } from './transport.js';

interface PasswordCredentials {
  readonly username: string;
  readonly password: string;
  readonly accountId: number | undefined;
}

/** A token, or a user name and password that the session exchanges for one. */
export type Credentials = { readonly token: string } | PasswordCredentials;

interface Tokens {
  readonly access: string;
  readonly refresh: string | undefined;
}

/** The bearer token of an API client. Calls that need a new one at the same time share one renewal. */
export class Session {
  #tokens: Tokens | undefined;
  #renewing: Promise<Tokens> | undefined;

  constructor(
    private readonly credentials: Credentials,
    private readonly settings: HttpSettings,
  ) {
    if ('token' in credentials) {
      settings.secrets.add(credentials.token);
      this.#tokens = { access: credentials.token, refresh: undefined };
    } else settings.secrets.add(credentials.password);
  }

  async token(): Promise<string> {
    return (this.#tokens ?? (await this.#renew())).access;
  }

  /** Returns a token that replaces a refused one, or undefined when the session has no password to sign in with. */
  async reauthenticate(refused: string): Promise<string | undefined> {
    if ('token' in this.credentials) return undefined;
    // Another call may have renewed the token in the meantime.
    if (this.#tokens !== undefined && this.#tokens.access !== refused) return this.#tokens.access;
    return (await this.#renew()).access;
  }

  #renew(): Promise<Tokens> {
    this.#renewing ??= this.#fetchTokens().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #fetchTokens(): Promise<Tokens> {
    const refresh = this.#tokens?.refresh;
    this.#tokens = (refresh && (await this.#refresh(refresh))) || (await this.#signIn());
    return this.#tokens;
  }

  /** Undefined when the refresh token has expired as well. */
  async #refresh(refresh_token: string): Promise<Tokens | undefined> {
    try {
      return await this.#requestTokens({ grant_type: 'refresh_token', refresh_token });
    } catch (thrown) {
      if (thrown instanceof CakemailApiError && thrown.code === 'ERR_API_REFUSED') return undefined;
      throw thrown;
    }
  }

  #signIn(): Promise<Tokens> {
    const { username, password, accountId } = this.credentials as PasswordCredentials;
    return this.#requestTokens({ grant_type: 'password', username, password, account_id: accountId });
  }

  /** Source: operation `createToken` of the OpenAPI document. */
  async #requestTokens(form: Readonly<Record<string, string | number | undefined>>): Promise<Tokens> {
    const call = { method: 'POST', path: '/token', form, schema: tokenSchema } as const;
    const response = await send(call, undefined, this.settings);
    if ('challenge' in response) {
      const summary = `answered 200: ${MFA_REQUIRED}`;
      throw new CakemailApiError('ERR_API_MFA', 'POST /token', { summary, apiStatus: 200 });
    }
    this.settings.secrets.add(response.access_token, response.refresh_token);
    return { access: response.access_token, refresh: response.refresh_token };
  }
}
