import type { Observer } from '../../instrumentation/hooks.js';
import { toError } from '../../shared/errors.js';
import { isPromiseLike } from '../../shared/promises.js';
import type { HandlerTrace } from './protocol.js';
import { truncateName, truncateStack } from './truncate.js';

type Watched = Parameters<Observer['watch']>[0];
type Handler = Watched['handler'];

/** Names a handler by its function name, or by the events it was registered for. */
export function traceOf({ handler, subjects }: Watched): HandlerTrace {
  return { name: truncateName(ownName(handler) || labelOf(subjects)), durationMs: null, error: null };
}

/** Wraps a handler so that its duration and its error reach `trace`. The result stays the same. `onEnd` must not throw. */
export function traced(handler: Handler, trace: HandlerTrace, onEnd: () => void): Handler {
  function watched(...args: Parameters<Handler>): unknown {
    const startedAt = performance.now();
    const ended = (): void => {
      trace.durationMs = performance.now() - startedAt;
      onEnd();
    };
    const failed = (thrown: unknown): never => {
      trace.error = truncateStack(toError(thrown));
      ended();
      throw thrown;
    };
    try {
      const result = handler(...args);
      // A lazy promise may run at each `then()`, so only this wrapper calls it.
      if (isPromiseLike(result)) return new Promise((resolve) => resolve(result)).then(ended, failed);
    } catch (thrown) {
      return failed(thrown);
    }
    return ended();
  }
  // A second inspector wraps this function and shows its name.
  return Object.defineProperty(watched, 'name', { value: ownName(handler) });
}

function ownName(handler: Handler): string {
  try {
    return typeof handler.name === 'string' ? handler.name : '';
  } catch {
    return '';
  }
}

function labelOf(subjects: Watched['subjects']): string {
  const [first, ...others] = [...subjects].map((subject) =>
    typeof subject === 'symbol' ? subject.description : subject,
  );
  return `on ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`;
}
