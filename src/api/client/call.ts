import type * as z from 'zod';
import type { CakemailApiError } from './api-errors.js';
import type { Gate } from './gate.js';
import type { Secrets } from './redact.js';

/** One call of the API. */
export type Call<T> = Request<T> & (Strict<T> | Lenient<T>);

interface Request<T> {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: object;
  readonly form?: Readonly<Record<string, string | number | undefined>>;
  /** The event or the id of the webhook that the call is about, for its errors. */
  readonly event?: string;
  readonly id?: string;
  /**
   * For a call that must not be carried out twice: looks whether it was, when that is not known, and gives its result. Any
   * other call is just repeated.
   */
  readonly find?: () => Promise<T | undefined>;
  readonly signal?: AbortSignal | undefined;
}

/** A call for the sake of its answer. */
interface Strict<T> {
  readonly schema: z.ZodType<T>;
}

/** A call that is done once it is answered 2xx. */
interface Lenient<T> {
  /** Reads the body, which may be anything: undefined when it broke off, is too long or is not JSON. */
  readonly read: (body: unknown, status: number) => T;
}

/** Makes a call with the token and the account of a client. */
export type Caller = <T>(call: Call<T>) => Promise<T>;

/** A wait before a call is made again. */
export interface Retry {
  /** The call, as in `POST /webhooks`. */
  readonly operation: string;
  /** How often it has been made; the first time is 1. */
  readonly attempt: number;
  /**
   * How often it is made at most. When `attempt` has reached it, the list is read after the wait, because a create may have been
   * carried out after all.
   */
  readonly attempts: number;
  /** The milliseconds until it is made again. */
  readonly delayMs: number;
  /** Why it has to be. */
  readonly error: CakemailApiError;
}

export interface HttpSettings {
  readonly baseUrl: URL;
  readonly timeoutMs: number;
  /** How often a call is made at most. */
  readonly attempts: number;
  /** The most milliseconds before the second attempt; each further wait may be twice as long. */
  readonly backoffMs: number;
  /** The most milliseconds that the API may ask to wait for. */
  readonly maxWaitMs: number;
  readonly onRetry: (retry: Retry) => void;
  readonly gate: Gate;
  /** What no error may show. */
  readonly secrets: Secrets;
}
