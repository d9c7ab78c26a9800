import { toOneLine } from '../shared/control-chars.js';
import { emitProcessWarning } from '../shared/process-warning.js';
import { runSafely } from '../shared/run-safely.js';
import { truncate } from '../shared/truncate.js';

/** Where the package logs: pino, or anything shaped like it (`console` too). Levels that are missing are skipped. */
export type Logger = {
  readonly [L in LogLevel]?: (fields: LogFields, message: string) => unknown;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What a line carries. Never a key, a signature, a header or a body. */
export type LogFields = Record<string, unknown>;

/** A logger that cannot throw. */
export interface Log {
  write(level: LogLevel, fields: LogFields, message: string): void;
  /**
   * For what the developer must see even without a logger: then a Node process warning, once for each message and at most
   * ten times for each code, because messages name events that the sender chooses.
   */
  warnDeveloper(code: string, message: string, cause?: Error): void;
}

const MAX_WARNINGS_PER_CODE = 10;

export function createLog(logger: Logger | undefined): Log {
  const warned = new Map<string, Set<string>>();

  function write(level: LogLevel, fields: LogFields, message: string): void {
    // A broken logger has no place to complain to; the delivery goes on.
    runSafely(
      () => logger?.[level]?.(fields, message),
      () => {},
    );
  }

  function warnDeveloper(code: string, message: string, cause?: Error): void {
    if (logger !== undefined) {
      write('warn', { code, ...(cause && { err: cause }) }, toOneLine(message));
      return;
    }
    const messages = warned.get(code) ?? new Set();
    if (messages.size > MAX_WARNINGS_PER_CODE || messages.has(message)) return;
    warned.set(code, messages.add(message));
    if (messages.size > MAX_WARNINGS_PER_CODE)
      emitProcessWarning(code, 'Further warnings with this code are not shown.');
    else emitProcessWarning(code, message, cause);
  }

  return { write, warnDeveloper };
}

/** A name from outside as a warning or a log field may hold it: short, in one line, without control characters. */
export function truncateName(name: string): string {
  if (typeof name !== 'string') return typeof name;
  return toOneLine(truncate(name, 128));
}
