import type { Call, HttpSettings } from './call.js';
import { CakemailApiError, detailsOf } from './errors.js';
import { cleanCause } from './no-answer.js';
import { combined } from './signals.js';

/** Of an answer. A page of 50 webhooks has some 20 KB. */
const MOST_BYTES = 10 * 1024 * 1024;

/**
 * What a failed exchange means for the next one: `busy`: nothing was done; `open`: it is not known whether it was done;
 * `odd`: it was answered, but not as it should be; `refused`: it was not done, and will not be.
 */
export type FailureKind = 'busy' | 'open' | 'odd' | 'refused';

/** An error of the API's, with what is needed to decide whether to try again. */
export class Failure extends Error {
  constructor(
    readonly error: CakemailApiError,
    readonly kind: FailureKind,
    readonly retryAfterMs?: number,
  ) {
    super(error.message);
  }
}

/** Sends a call once, and reads its answer. Rejects with a {@link Failure}, or with the reason of its signal. */
export async function exchange<T>(call: Call<T>, token: string | undefined, settings: HttpSettings): Promise<T> {
  const operation = `${call.method} ${call.path}`;
  const { response, text } = await answerOf(call, token, settings, operation);
  const { status } = response;
  if (!response.ok) {
    const kind = status === 429 ? 'busy' : status >= 500 ? 'open' : 'refused';
    // An answer may quote what it was asked with.
    const details = detailsOf(parse(text)).map((line) => settings.secrets.redact(line));
    const code = kind === 'refused' ? 'ERR_API_REFUSED' : 'ERR_API_UNAVAILABLE';
    const error = new CakemailApiError(code, operation, { what: `answered ${status}`, apiStatus: status, details });
    throw new Failure(error, kind, retryAfter(response.headers.get('retry-after')));
  }
  const odd = (what: string, details?: readonly string[]): Failure => {
    const said = { what: `answered ${status} with ${what}`, apiStatus: status, ...(details && { details }) };
    return new Failure(new CakemailApiError('ERR_API_RESPONSE', operation, said), 'odd');
  };
  if (text === undefined) throw odd(`more than ${MOST_BYTES} bytes`);
  const parsed = call.schema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  // Paths and kinds only: a value may be a key or a token.
  throw odd(
    'something unexpected',
    parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'the body'}: ${code}`),
  );
}

async function answerOf<T>(
  { method, path, query = {}, json, form, signal }: Call<T>,
  token: string | undefined,
  { baseUrl, timeoutMs }: HttpSettings,
  operation: string,
): Promise<{ readonly response: Response; readonly text: string | undefined }> {
  const url = new URL(baseUrl);
  // Not resolved against the base: a path that begins with two slashes would be another host.
  url.pathname = baseUrl.pathname.replace(/\/+$/, '') + path;
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = combined(signal, timeout);
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json && { 'content-type': 'application/json' }),
      },
      body: json ? JSON.stringify(json) : form ? new URLSearchParams(given(form)) : null,
      // A redirect would carry the token elsewhere.
      redirect: 'error',
      signal: either.signal,
    });
    return { response, text: await textOf(response) };
  } catch (thrown) {
    signal?.throwIfAborted();
    const cause = cleanCause(thrown);
    const said = timeout.aborted
      ? { what: `no answer within ${timeoutMs} ms` }
      : { what: `no answer: ${cause.code ?? cause.message}`, cause };
    throw new Failure(new CakemailApiError('ERR_API_UNAVAILABLE', operation, said), 'open');
  } finally {
    either.release();
  }
}

/** Undefined when there is too much of it. */
async function textOf({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early ends the connection.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function given(form: Readonly<Record<string, string | number | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** Seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
