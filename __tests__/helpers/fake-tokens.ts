import { randomBytes } from 'node:crypto';

/** The user that `POST /token` accepts. The password is a marker that tests search for. */
export const USER = { username: 'user@example.com', password: 'hunter2-the-password' };
/** A personal access token of the documented form. It belongs to no account. */
export const TOKEN = `ck_pat_${'0123456789'.repeat(4)}`;

export interface Answer {
  readonly status: number;
  readonly answer: unknown;
}

/** The members that `POST /token` may carry. */
export interface Credentials {
  readonly grant_type: string;
  readonly username: string;
  readonly password: string;
  readonly refresh_token: string;
}

/** The tokens of the fake API: the personal one, and those that it issues to `USER`. */
export class FakeTokens {
  /** `200`: asks for a second factor as the document's response does; `401`: as its description does. */
  asksForSecondFactor: false | 200 | 401 = false;
  readonly #access = new Set([TOKEN]);
  readonly #refresh = new Set<string>();

  /** Each token that it issues is added to `issued`. */
  constructor(private readonly issued: Set<string>) {}

  isValid(authorization = ''): boolean {
    return this.#access.has(authorization.replace('Bearer ', ''));
  }

  /** Invalidates every access token that was issued so far, and with `refreshToo` the refresh tokens as well. */
  expire({ refreshToo = false } = {}): void {
    this.#access.clear();
    if (refreshToo) this.#refresh.clear();
  }

  issue({ grant_type, username, password, refresh_token }: Credentials): Answer {
    const isUser = username === USER.username && password === USER.password;
    const isAllowed = grant_type === 'refresh_token' ? this.#refresh.has(refresh_token) : isUser;
    if (!isAllowed) return { status: 401, answer: failure(`refused: ${password ?? refresh_token}`) };
    if (this.asksForSecondFactor === 401) {
      return { status: 401, answer: { ...failure('a second factor is needed'), challenge: 'a challenge' } };
    }
    if (this.asksForSecondFactor) return { status: 200, answer: { challenge: 'a challenge' } };
    const [access, refresh] = [randomBytes(20).toString('hex'), randomBytes(20).toString('hex')];
    this.#access.add(access);
    this.#refresh.add(refresh);
    for (const secret of [access, refresh]) this.issued.add(secret);
    return {
      status: 200,
      answer: {
        access_token: access,
        refresh_token: refresh,
        token_type: 'bearer',
        expires_in: 3600,
        accounts: [1],
      },
    };
  }
}

/** The body of a refusal. */
export function failure(msg: string, ...loc: string[]) {
  return { detail: [{ loc, msg, type: 'bad_request' }] };
}
