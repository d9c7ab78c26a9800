import { combined } from '../api/client/signals.js';
import { toError } from '../shared/errors.js';

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
  const both = combined(signal, AbortSignal.timeout(LONGEST_MS));
  try {
    const response = await fetch(url, { method: 'POST', redirect: 'manual', ...request, signal: both.signal });
    return { status: response.status, body: await beginningOf(response) };
  } catch (thrown) {
    signal.throwIfAborted();
    // fetch says "fetch failed" and no more; what happened is its cause.
    const { code, message } = (toError(thrown).cause ?? thrown) as { code?: unknown; message: string };
    throw new Error(`no answer from ${url}: ${typeof code === 'string' ? code : message}`);
  } finally {
    both.release();
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MOST_SHOWN) return `${text.slice(0, MOST_SHOWN)}…`; // the rest is not asked for
  }
  return text + decoder.decode();
}
