import type * as z from 'zod';
import type { Secrets } from './redact.js';

/** One call of the API. */
export interface Call<T> {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: object;
  readonly form?: Readonly<Record<string, string | number | undefined>>;
  /**
   * For a call that must not be carried out twice: looks whether it was, when that is not known, and gives its result. Any
   * other call is just repeated.
   */
  readonly find?: () => Promise<T | undefined>;
  readonly schema: z.ZodType<T>;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a call with the token and the account of a client. */
export type Caller = <T>(call: Call<T>) => Promise<T>;

export interface HttpSettings {
  readonly baseUrl: URL;
  readonly timeoutMs: number;
  /** How often a call is made at most. */
  readonly attempts: number;
  /** The most milliseconds before the second attempt; each further wait may be twice as long. */
  readonly backoffMs: number;
  /** What no error may show. */
  readonly secrets: Secrets;
}
