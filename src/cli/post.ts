import { combined } from '../shared/abort-signals.js';
import { fetchFailure } from '../shared/fetch-failure.js';
import { truncate } from '../shared/truncate.js';

const LONGEST_MS = 30_000;
/** Characters of an answer, which is there to be glanced at. */
const MOST_SHOWN = 64 * 1024;

export interface Posted {
  readonly status: number;
  /** Its beginning, when it is long. */
  readonly body: string;
}

/** Sends something to an app. Rejects in words when there is no answer, and with the signal's reason when it aborts. */
export async function post(
  url: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: string | Buffer },
  signal: AbortSignal,
): Promise<Posted> {
  const timeout = AbortSignal.timeout(LONGEST_MS);
  const both = combined(signal, timeout);
  try {
    const response = await fetch(url, { method: 'POST', redirect: 'manual', ...request, signal: both.signal });
    return { status: response.status, body: await beginningOf(response) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (timeout.aborted) throw new Error(`no answer from ${url} within ${LONGEST_MS / 1000} s`);
    const { code, message } = fetchFailure(thrown);
    throw new Error(`no answer from ${url}: ${code ?? message}`);
  } finally {
    both.release();
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MOST_SHOWN) return truncate(text, MOST_SHOWN); // the rest is not asked for
  }
  return text + decoder.decode();
}
