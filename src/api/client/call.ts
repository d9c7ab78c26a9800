import type * as z from 'zod';
import type { CakemailApiError } from './api-errors.js';
import type { Gate } from './gate.js';
import type { Secrets } from './redact.js';

/** One call of the API. */
export type Call<T> = CallRequest<T> & (CallWithSchema<T> | CallWithReader<T>);

interface CallRequest<T> {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: object;
  readonly form?: Readonly<Record<string, string | number | undefined>>;
  /** The event that the call is about, for its errors. */
  readonly event?: string;
  /** The id of the webhook that the call is about, for its errors. */
  readonly id?: string;
  /**
   * For a call that must not be carried out twice: searches for its result after an ambiguous failure. Undefined means that the
   * call was not carried out. A call without this function is simply repeated.
   */
  readonly find?: () => Promise<T | undefined>;
  readonly signal?: AbortSignal | undefined;
}

/** A call that is made for its response, which must match the schema. */
interface CallWithSchema<T> {
  readonly schema: z.ZodType<T>;
}

/** A call that has succeeded once its status is 2xx, whatever the body holds. */
interface CallWithReader<T> {
  /** Reads the parsed body: undefined when it was cut off, too long or not valid JSON. */
  readonly read: (body: unknown, status: number) => T;
}

/** Makes a call with the token and the account of a client. */
export type Caller = <T>(call: Call<T>) => Promise<T>;

/** A pause before a call is made again. */
export interface Retry {
  /** The call, as in `POST /webhooks`. */
  readonly operation: string;
  /** The number of the attempt that failed; the first is 1. */
  readonly attempt: number;
  /**
   * The maximum number of attempts. When `attempt` has reached it, the client lists the webhooks after the pause, because a
   * create may have been carried out after all.
   */
  readonly attempts: number;
  /** The length of the pause in milliseconds. */
  readonly delayMs: number;
  /** The failure of that attempt. */
  readonly error: CakemailApiError;
}

export interface HttpSettings {
  readonly baseUrl: URL;
  readonly timeoutMs: number;
  /** The maximum number of attempts per call. */
  readonly attempts: number;
  /** The maximum pause before the second attempt, in milliseconds; it doubles with each further attempt. */
  readonly backoffMs: number;
  /** The longest Retry-After that is waited for, in milliseconds. */
  readonly maxWaitMs: number;
  readonly onRetry: (retry: Retry) => void;
  readonly gate: Gate;
  /** Secrets that no error may show. */
  readonly secrets: Secrets;
}
