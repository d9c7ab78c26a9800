import { combined } from '../api/signals.js';
import { toError } from '../errors.js';

const LONGEST_MS = 30_000;

export interface Posted {
  readonly status: number;
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
    return { status: response.status, body: await response.text() };
  } catch (thrown) {
    signal.throwIfAborted();
    // fetch says "fetch failed" and no more; what happened is its cause.
    const { code, message } = (toError(thrown).cause ?? thrown) as { code?: unknown; message: string };
    throw new Error(`no answer from ${url}: ${typeof code === 'string' ? code : message}`);
  } finally {
    both.release();
  }
}
