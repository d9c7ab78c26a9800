import { pause } from '../../shared/abort-signals.js';
import { CakemailApiError } from './api-errors.js';
import type { Call, HttpSettings } from './call.js';
import { errorOf, exchange, Failure, tooLate } from './exchange.js';

const MOST_WAIT_MS = 30_000;

/** Makes a call until it succeeds, is refused, or has failed often enough; never before the API wants to be called again. */
export async function send<T>(call: Call<T>, token: string | undefined, settings: HttpSettings): Promise<T> {
  const { attempts, maxWaitMs, gate, onRetry } = settings;
  for (let attempt = 1; ; attempt++) {
    const retryAt = await gate.pass(maxWaitMs, call.signal);
    if (retryAt !== undefined) {
      const what = `not sent: the API ${tooLate(retryAt, maxWaitMs).replace('asks', 'asked')}`;
      throw errorOf(call, 'ERR_API_UNAVAILABLE', { what, retryAt });
    }
    try {
      return await exchange(call, token, settings);
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      const { error, kind, retryAfterMs } = thrown;
      if (kind === 'refused' || kind === 'odd' || (retryAfterMs ?? 0) > maxWaitMs) throw error;
      const isLast = attempt >= attempts;
      const mayLook = kind === 'open' && call.find !== undefined;
      if (isLast && !mayLook) throw error;
      const delayMs = retryAfterMs ?? (isLast ? undefined : Math.random() * backoffMs(attempt, settings));
      if (delayMs !== undefined) {
        onRetry({ operation: error.operation, attempt, attempts, delayMs, error });
        await pause(delayMs, call.signal);
      }
      const found = mayLook ? await look(call, error) : undefined;
      if (found !== undefined) return found;
      if (isLast) throw error;
    }
  }
}

/** Repeats a read until it finds something, with growing pauses, because the API may show a change late. */
export async function eventually<T>(
  look: () => Promise<T | undefined>,
  settings: HttpSettings,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt++) {
    const found = await look();
    if (found !== undefined || attempt >= settings.attempts) return found;
    await pause(backoffMs(attempt, settings), signal);
  }
}

function backoffMs(attempt: number, settings: HttpSettings): number {
  return Math.min(MOST_WAIT_MS, settings.backoffMs * 2 ** (attempt - 1));
}

/** Whether it was carried out after all. If that cannot be told either, it must not be repeated. */
async function look<T>({ find }: Call<T>, error: CakemailApiError): Promise<T | undefined> {
  try {
    return await find?.();
  } catch (thrown) {
    throw thrown instanceof CakemailApiError ? error : thrown;
  }
}
