import { setTimeout as sleep } from 'node:timers/promises';
import type * as z from 'zod';
import { toError } from '../errors.js';
import { CakemailApiError, detailsOf } from './errors.js';

/** One call of the API. */
export interface Call<T> {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: object;
  readonly form?: Readonly<Record<string, string | number | undefined>>;
  /** Whether it may be repeated when it is not known whether it was carried out. */
  readonly repeatable: boolean;
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
}

const MOST_WAIT_MS = 30_000;

/** Makes a call until it succeeds, is refused, or has failed often enough. */
export async function send<T>(call: Call<T>, token: string | undefined, settings: HttpSettings): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(call, token, settings);
    } catch (thrown) {
      const failure = toError(thrown);
      if (!(failure instanceof Failure)) throw failure;
      // 429 means that nothing was done.
      const mayRepeat = call.repeatable || failure.error.apiStatus === 429;
      if (!failure.isTemporary || !mayRepeat || attempt >= settings.attempts) throw failure.error;
      const backoff = Math.random() * settings.backoffMs * 2 ** attempt;
      await sleep(Math.min(MOST_WAIT_MS, failure.retryAfterMs ?? backoff), undefined, { signal: call.signal });
    }
  }
}

/** An error of the API's, with what is needed to decide whether to try again. */
class Failure extends Error {
  constructor(
    readonly error: CakemailApiError,
    readonly isTemporary: boolean,
    readonly retryAfterMs?: number,
  ) {
    super(error.message);
  }
}

async function once<T>(call: Call<T>, token: string | undefined, { baseUrl, timeoutMs }: HttpSettings): Promise<T> {
  const { method, path, query = {}, json, form, schema, signal } = call;
  const operation = `${method} ${path}`;
  const url = new URL(baseUrl.pathname.replace(/\/$/, '') + path, baseUrl);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json && { 'content-type': 'application/json' }),
      },
      body: json ? JSON.stringify(json) : form ? new URLSearchParams(given(form)) : null,
      // A redirect would carry the token elsewhere.
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    text = await response.text();
  } catch (thrown) {
    signal?.throwIfAborted();
    const what = timeout.aborted ? `no answer within ${timeoutMs} ms` : `no answer: ${reasonOf(toError(thrown))}`;
    throw new Failure(new CakemailApiError('ERR_API_UNAVAILABLE', operation, { what, cause: toError(thrown) }), true);
  }
  const { status } = response;
  if (!response.ok) {
    const isTemporary = status === 429 || status >= 500;
    const code = isTemporary ? 'ERR_API_UNAVAILABLE' : 'ERR_API_REFUSED';
    // An answer may quote what it was asked with.
    const secrets = [token, form?.['password'], form?.['refresh_token']].filter((each) => typeof each === 'string');
    const details = detailsOf(parse(text)).map((line) =>
      secrets.reduce((said, each) => said.replaceAll(each, '…'), line),
    );
    const error = new CakemailApiError(code, operation, { what: `answered ${status}`, apiStatus: status, details });
    throw new Failure(error, isTemporary, retryAfter(response.headers.get('retry-after')));
  }
  const parsed = schema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  // Paths and kinds only: a value may be a key or a token.
  const details = parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'the body'}: ${code}`);
  const what = `answered ${status} with something unexpected`;
  throw new CakemailApiError('ERR_API_RESPONSE', operation, { what, apiStatus: status, details });
}

function given(form: Readonly<Record<string, string | number | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** fetch says "fetch failed" and no more; what happened is its cause. */
function reasonOf(error: Error): string {
  const { code, message } = (error.cause ?? error) as { code?: string; message?: string };
  return code ?? message ?? error.message;
}

/** Seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
