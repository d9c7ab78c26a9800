import { pause } from '../../shared/abort-signals.js';
import { CakemailApiError } from './api-errors.js';
import type { Call, HttpSettings } from './call.js';
import { createError, describeLongWait, ExchangeFailure, exchange } from './exchange.js';

const MAX_BACKOFF_MS = 30_000;

/** Makes a call until it succeeds, is refused, or runs out of attempts; never earlier than the API's Retry-After allows. */
export async function send<T>(call: Call<T>, token: string | undefined, settings: HttpSettings): Promise<T> {
  const { attempts, maxWaitMs, gate, onRetry } = settings;
  for (let attempt = 1; ; attempt++) {
    const retryAt = await gate.pass(maxWaitMs, call.signal);
    if (retryAt !== undefined) {
      const summary = `not sent: the API asked ${describeLongWait(retryAt, maxWaitMs)}`;
      throw createError(call, 'ERR_API_UNAVAILABLE', { summary, retryAt });
    }
    try {
      return await exchange(call, token, settings);
    } catch (thrown) {
      if (!(thrown instanceof ExchangeFailure)) throw thrown;
      const { error, kind, retryAfterMs } = thrown;
      if (kind === 'refused' || kind === 'malformed' || (retryAfterMs ?? 0) > maxWaitMs) throw error;
      const isLast = attempt >= attempts;
      const canFind = kind === 'ambiguous' && call.find !== undefined;
      if (isLast && !canFind) throw error;
      const delayMs = retryAfterMs ?? (isLast ? undefined : Math.random() * backoffMs(attempt, settings));
      if (delayMs !== undefined) {
        onRetry({ operation: error.operation, attempt, attempts, delayMs, error });
        await pause(delayMs, call.signal);
      }
      const found = canFind ? await findResult(call, error) : undefined;
      if (found !== undefined) return found;
      if (isLast) throw error;
    }
  }
}

/** Repeats a read with growing pauses until it finds something, because the API may show a change late. */
export async function pollUntilFound<T>(
  read: () => Promise<T | undefined>,
  settings: HttpSettings,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt++) {
    const found = await read();
    if (found !== undefined || attempt >= settings.attempts) return found;
    await pause(backoffMs(attempt, settings), signal);
  }
}

function backoffMs(attempt: number, settings: HttpSettings): number {
  return Math.min(MAX_BACKOFF_MS, settings.backoffMs * 2 ** (attempt - 1));
}

/** Searches for the result of a call that may have been carried out. When the search fails, the call must not be repeated. */
async function findResult<T>({ find }: Call<T>, error: CakemailApiError): Promise<T | undefined> {
  try {
    return await find?.();
  } catch (thrown) {
    throw thrown instanceof CakemailApiError ? error : thrown;
  }
}
