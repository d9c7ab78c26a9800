import type { Call, HttpSettings } from './call.js';
import { CakemailApiError } from './errors.js';
import { exchange, Failure } from './exchange.js';
import { pause } from './signals.js';

const MOST_WAIT_MS = 30_000;

/** Makes a call until it succeeds, is refused, or has failed often enough. */
export async function send<T>(call: Call<T>, token: string | undefined, settings: HttpSettings): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await exchange(call, token, settings);
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      const { error, kind, retryAfterMs } = thrown;
      if (kind === 'refused' || (kind === 'odd' && call.find === undefined)) throw error;
      const isLast = attempt >= settings.attempts;
      if (!isLast) {
        const backoff = Math.random() * settings.backoffMs * 2 ** (attempt - 1);
        await pause(Math.min(MOST_WAIT_MS, retryAfterMs ?? backoff), call.signal);
      }
      const found = kind === 'busy' ? undefined : await look(call, error);
      if (found !== undefined) return found;
      if (isLast) throw error;
    }
  }
}

/** Whether it was carried out after all. If that cannot be told either, it must not be repeated. */
async function look<T>({ find }: Call<T>, error: CakemailApiError): Promise<T | undefined> {
  try {
    return await find?.();
  } catch (thrown) {
    throw thrown instanceof CakemailApiError ? error : thrown;
  }
}
