import { combined } from '../shared/abort-signals.js';
import { fetchFailure } from '../shared/fetch-failure.js';
import { truncate } from '../shared/truncate.js';

const TIMEOUT_MS = 30_000;
/** Characters of a response body that are kept for display. */
const MAX_BODY_LENGTH = 64 * 1024;

export interface PostResult {
  readonly status: number;
  /** The response body, truncated if it is long. */
  readonly body: string;
}

/** Sends a request to an app. Rejects with a readable error when it gets no response, and with the signal's reason on abort. */
export async function post(
  url: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: string | Buffer },
  signal: AbortSignal,
): Promise<PostResult> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const abort = combined(signal, timeout);
  try {
    const response = await fetch(url, { method: 'POST', redirect: 'manual', ...request, signal: abort.signal });
    return { status: response.status, body: await readBeginning(response) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (timeout.aborted) throw new Error(`no answer from ${url} within ${TIMEOUT_MS / 1000} s`);
    const { code, message } = fetchFailure(thrown);
    throw new Error(`no answer from ${url}: ${code ?? message}`);
  } finally {
    abort.release();
  }
}

async function readBeginning({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BODY_LENGTH) return truncate(text, MAX_BODY_LENGTH); // leaving the loop closes the connection
  }
  return text + decoder.decode();
}
