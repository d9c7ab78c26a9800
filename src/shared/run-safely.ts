import { toError } from './error-text.js';
import { isPromiseLike } from './promises.js';

/** Calls a function of the application, and passes its error to `report`, also when it rejects later. */
export function runSafely(call: () => unknown, report: (error: Error) => void): void {
  try {
    const result = call();
    if (isPromiseLike(result)) new Promise((resolve) => resolve(result)).catch((thrown) => report(toError(thrown)));
  } catch (thrown) {
    report(toError(thrown));
  }
}
