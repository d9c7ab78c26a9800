import { combined } from '../../shared/abort-signals.js';
import { fetchFailure } from '../../shared/fetch-failure.js';
import { recordOf } from '../../shared/is-record.js';
import { VERSION } from '../../shared/version.js';
import { CakemailApiError, parseDetails } from './api-errors.js';
import type { Call, HttpSettings } from './call.js';
import { retryAfterMs } from './retry-after.js';

/** The largest response that is read. A page of 50 webhooks has about 20 KB. */
const MAX_RESPONSE_BYTES = 10 * 1024 * 1024;

/**
 * How an exchange failed. `throttled`: the API did nothing yet. `ambiguous`: the call may have been carried out.
 * `malformed`: the API answered 2xx with an unexpected body. `refused`: the API will not carry it out.
 */
export type FailureKind = 'throttled' | 'ambiguous' | 'malformed' | 'refused';

/** A failed attempt at a call: the error for the caller, and whether another attempt makes sense. */
export class ExchangeFailure extends Error {
  constructor(
    readonly error: CakemailApiError,
    readonly kind: FailureKind,
    readonly retryAfterMs?: number,
  ) {
    super(error.message);
  }
}

/** Sends a call once, and reads its answer. Rejects with a {@link ExchangeFailure}, or with the reason of its signal. */
export async function exchange<T>(call: Call<T>, token: string | undefined, settings: HttpSettings): Promise<T> {
  const { response, text } = await fetchResponse(call, token, settings);
  if (!response.ok) throw describeFailure(call, response, text, settings);
  const { status } = response;
  if ('read' in call) return call.read(parseJson(text), status);
  const malformed = (content: string, details?: readonly string[]): ExchangeFailure => {
    const summary = `answered ${status} with ${content}`;
    const error = createError(call, 'ERR_API_RESPONSE', { summary, apiStatus: status, ...(details && { details }) });
    return new ExchangeFailure(error, 'malformed');
  };
  if (text === undefined) throw malformed(`more than ${MAX_RESPONSE_BYTES} bytes`);
  const parsed = call.schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  // Only paths and issue codes are shown, because a value may be a key or a token.
  throw malformed(
    'something unexpected',
    parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'the body'}: ${code}`),
  );
}

/** Creates an error that names the call and its event. */
export function createError<T>(
  { method, path, event }: Call<T>,
  code: CakemailApiError['code'],
  content: Omit<ConstructorParameters<typeof CakemailApiError>[2], 'event'>,
): CakemailApiError {
  return new CakemailApiError(code, `${method} ${path}`, { ...content, event });
}

/** Describes a response whose status is not 2xx. */
function describeFailure<T>(
  call: Call<T>,
  { status, headers }: Response,
  text: string | undefined,
  { secrets, gate, maxWaitMs, baseUrl }: HttpSettings,
): ExchangeFailure {
  const kind = status === 429 ? 'throttled' : status >= 500 ? 'ambiguous' : 'refused';
  const body = parseJson(text);
  // The API may quote the request in its response.
  const details = parseDetails(body).map((line) => secrets.redact(line));
  if (kind === 'refused') {
    // Source: description of the operation `createToken` in the OpenAPI document.
    const isMfa = status === 401 && typeof recordOf(body)['challenge'] === 'string';
    const summary = isMfa ? `answered 401: ${MFA_REQUIRED}` : `answered ${status}`;
    if (status === 404) details.unshift(explainNotFound(call, baseUrl));
    const code = isMfa ? 'ERR_API_MFA' : 'ERR_API_REFUSED';
    return new ExchangeFailure(createError(call, code, { summary, apiStatus: status, details }), kind);
  }
  const waitMs = retryAfterMs(headers);
  const retryAt = waitMs === undefined ? undefined : gate.close(waitMs);
  const isTooLong = waitMs !== undefined && waitMs > maxWaitMs;
  const summary = `answered ${status}${isTooLong ? `, and asks ${describeLongWait(retryAt, maxWaitMs)}` : ''}`;
  const error = createError(call, 'ERR_API_UNAVAILABLE', { summary, apiStatus: status, details, retryAt });
  return new ExchangeFailure(error, kind, waitMs);
}

/** Describes a Retry-After that is longer than the caller allows. Follows the verb "asks". */
export function describeLongWait(retryAt: Date | undefined, maxWaitMs: number): string {
  return `to wait until ${retryAt?.toISOString()}, which is longer than the ${maxWaitMs} ms of \`maxWaitMs\``;
}

/** The summary of `ERR_API_MFA`. */
export const MFA_REQUIRED = 'this account asks for a second factor, which a program cannot give';

function explainNotFound<T>({ path, id }: Call<T>, baseUrl: URL): string {
  if (id !== undefined) return `the webhook ${id} does not exist, or belongs to another account`;
  return `the server does not know ${resolveUrl(path, baseUrl).href}; check \`baseUrl\``;
}

function resolveUrl(path: string, baseUrl: URL): URL {
  const url = new URL(baseUrl);
  // `new URL(path, baseUrl)` would take a path that begins with two slashes for another host.
  url.pathname = baseUrl.pathname.replace(/\/+$/, '') + path;
  return url;
}

async function fetchResponse<T>(
  call: Call<T>,
  token: string | undefined,
  { baseUrl, timeoutMs }: HttpSettings,
): Promise<{ readonly response: Response; readonly text: string | undefined }> {
  const { method, path, query = {}, json, form, signal } = call;
  const url = resolveUrl(path, baseUrl);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  const timeout = AbortSignal.timeout(timeoutMs);
  const abort = combined(signal, timeout);
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        'user-agent': `cakemail-webhooks/${VERSION}`,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json && { 'content-type': 'application/json' }),
      },
      body: json ? JSON.stringify(json) : form ? new URLSearchParams(withoutUndefined(form)) : null,
      // A redirect would send the token to another host.
      redirect: 'error',
      signal: abort.signal,
    });
    const text = await readBody(response).catch((thrown) => {
      // The call was carried out, even if its result cannot be read.
      if (response.ok && 'read' in call) return undefined;
      throw thrown;
    });
    signal?.throwIfAborted();
    return { response, text };
  } catch (thrown) {
    signal?.throwIfAborted();
    const cause = fetchFailure(thrown);
    const content = timeout.aborted
      ? { summary: `no answer within ${timeoutMs} ms` }
      : { summary: `no answer: ${cause.code ?? cause.message}`, cause };
    throw new ExchangeFailure(createError(call, 'ERR_API_UNAVAILABLE', content), 'ambiguous');
  } finally {
    abort.release();
  }
}

/** Reads the body as text. Undefined when it is too large. */
async function readBody({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early closes the connection.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_RESPONSE_BYTES) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function withoutUndefined(form: Readonly<Record<string, string | number | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
