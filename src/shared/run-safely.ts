import { toError } from './error-text.js';
import { isPromiseLike } from './promises.js';

/** Runs a function of the application. What it throws, or rejects with later, goes to `report`. */
export function runSafely(call: () => unknown, report: (error: Error) => void): void {
  try {
    const result = call();
    if (isPromiseLike(result)) new Promise((resolve) => resolve(result)).catch((thrown) => report(toError(thrown)));
  } catch (thrown) {
    report(toError(thrown));
  }
}
