import { toError } from '../errors.js';
import type { Observer } from '../observe.js';
import { isPromiseLike } from '../time.js';
import type { HandlerTrace } from './protocol.js';
import { nameIn, stackIn } from './truncate.js';

type Watched = Parameters<Observer['watch']>[0];
type Handler = Watched['handler'];

/** What a handler is shown as: its name, or what it was registered for. */
export function traceOf({ handler, subjects }: Watched): HandlerTrace {
  return { name: nameIn(ownName(handler) || labelOf(subjects)), durationMs: null, error: null };
}

/** A handler that does and answers the same, and writes down how it went. `onEnd` must not throw. */
export function traced(handler: Handler, trace: HandlerTrace, onEnd: () => void): Handler {
  function watched(...args: Parameters<Handler>): unknown {
    const startedAt = performance.now();
    const ended = (): void => {
      trace.durationMs = performance.now() - startedAt;
      onEnd();
    };
    const failed = (thrown: unknown): never => {
      trace.error = stackIn(toError(thrown));
      ended();
      throw thrown;
    };
    try {
      const result = handler(...args);
      // One that is asked twice may run twice: only this promise goes on.
      if (isPromiseLike(result)) return new Promise((resolve) => resolve(result)).then(ended, failed);
    } catch (thrown) {
      return failed(thrown);
    }
    return ended();
  }
  // For another inspector, which would be shown this one.
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
