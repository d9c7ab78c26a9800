import { combined } from '../../shared/abort-signals.js';
import { fetchFailure } from '../../shared/fetch-failure.js';
import { recordOf } from '../../shared/record-of.js';
import { VERSION } from '../../shared/version.js';
import { CakemailApiError, detailsOf } from './api-errors.js';
import type { Call, HttpSettings } from './call.js';
import { retryAfterMs } from './retry-after.js';

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
  const { response, text } = await answerOf(call, token, settings);
  if (!response.ok) throw failureOf(call, response, text, settings);
  const { status } = response;
  if ('read' in call) return call.read(parse(text), status);
  const malformed = (what: string, details?: readonly string[]): Failure => {
    const said = { what: `answered ${status} with ${what}`, apiStatus: status, ...(details && { details }) };
    return new Failure(errorOf(call, 'ERR_API_RESPONSE', said), 'odd');
  };
  if (text === undefined) throw malformed(`more than ${MOST_BYTES} bytes`);
  const parsed = call.schema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  // Paths and kinds only: a value may be a key or a token.
  throw malformed(
    'something unexpected',
    parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'the body'}: ${code}`),
  );
}

/** The error of a call, which names the call and its event. */
export function errorOf<T>(
  { method, path, event }: Call<T>,
  code: CakemailApiError['code'],
  said: Omit<ConstructorParameters<typeof CakemailApiError>[2], 'event'>,
): CakemailApiError {
  return new CakemailApiError(code, `${method} ${path}`, { ...said, event });
}

/** Describes an answer that is not 2xx. */
function failureOf<T>(
  call: Call<T>,
  { status, headers }: Response,
  text: string | undefined,
  { secrets, gate, maxWaitMs, baseUrl }: HttpSettings,
): Failure {
  const kind = status === 429 ? 'busy' : status >= 500 ? 'open' : 'refused';
  const body = parse(text);
  // An answer may quote what it was asked with.
  const details = detailsOf(body).map((line) => secrets.redact(line));
  if (kind === 'refused') {
    // Source: description of the operation `createToken` in the OpenAPI document.
    const isMfa = status === 401 && typeof recordOf(body)['challenge'] === 'string';
    const what = isMfa ? `answered 401: ${MFA}` : `answered ${status}`;
    if (status === 404) details.unshift(notFound(call, baseUrl));
    const said = { what, apiStatus: status, details };
    return new Failure(errorOf(call, isMfa ? 'ERR_API_MFA' : 'ERR_API_REFUSED', said), kind);
  }
  const waitMs = retryAfterMs(headers);
  const retryAt = waitMs === undefined ? undefined : gate.close(waitMs);
  const what = `answered ${status}${waitMs !== undefined && waitMs > maxWaitMs ? `, and ${tooLate(retryAt, maxWaitMs)}` : ''}`;
  const said = { what, apiStatus: status, details, retryAt };
  return new Failure(errorOf(call, 'ERR_API_UNAVAILABLE', said), kind, waitMs);
}

/** Says that the API asks for a longer wait than the caller allows. */
export function tooLate(retryAt: Date | undefined, maxWaitMs: number): string {
  return `asks to wait until ${retryAt?.toISOString()}, which is longer than the ${maxWaitMs} ms of \`maxWaitMs\``;
}

/** The reason for `ERR_API_MFA`. */
export const MFA = 'this account asks for a second factor, which a program cannot give';

function notFound<T>({ path, id }: Call<T>, baseUrl: URL): string {
  if (id !== undefined) return `the webhook ${id} does not exist, or belongs to another account`;
  return `the server does not know ${addressOf(path, baseUrl).href}; check \`baseUrl\``;
}

function addressOf(path: string, baseUrl: URL): URL {
  const url = new URL(baseUrl);
  // Not resolved against the base: a path that begins with two slashes would be another host.
  url.pathname = baseUrl.pathname.replace(/\/+$/, '') + path;
  return url;
}

async function answerOf<T>(
  call: Call<T>,
  token: string | undefined,
  { baseUrl, timeoutMs }: HttpSettings,
): Promise<{ readonly response: Response; readonly text: string | undefined }> {
  const { method, path, query = {}, json, form, signal } = call;
  const url = addressOf(path, baseUrl);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = combined(signal, timeout);
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        'user-agent': `cakemail-webhooks/${VERSION}`,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json && { 'content-type': 'application/json' }),
      },
      body: json ? JSON.stringify(json) : form ? new URLSearchParams(given(form)) : null,
      // A redirect would carry the token elsewhere.
      redirect: 'error',
      signal: either.signal,
    });
    const text = await textOf(response).catch((thrown) => {
      // It was done, though nothing can be read of what it came to.
      if (response.ok && 'read' in call) return undefined;
      throw thrown;
    });
    signal?.throwIfAborted();
    return { response, text };
  } catch (thrown) {
    signal?.throwIfAborted();
    const cause = fetchFailure(thrown);
    const said = timeout.aborted
      ? { what: `no answer within ${timeoutMs} ms` }
      : { what: `no answer: ${cause.code ?? cause.message}`, cause };
    throw new Failure(errorOf(call, 'ERR_API_UNAVAILABLE', said), 'open');
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
