import { toError } from './errors.js';
import { isPromiseLike } from './promises.js';

/** Runs somebody else's function: what it throws, or rejects with later, goes to `report`. */
export function contain(call: () => unknown, report: (error: Error) => void): void {
  try {
    const result = call();
    if (isPromiseLike(result)) new Promise((resolve) => resolve(result)).catch((thrown) => report(toError(thrown)));
  } catch (thrown) {
    report(toError(thrown));
  }
}
