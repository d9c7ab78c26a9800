import { toOneLine } from '../shared/control-chars.js';
import { emitProcessWarning } from '../shared/process-warning.js';
import { runSafely } from '../shared/run-safely.js';
import { truncate } from '../shared/truncate.js';

/** A logger with the methods of pino, such as `console`. A missing level is not logged. */
export type Logger = {
  readonly [L in LogLevel]?: (fields: LogFields, message: string) => unknown;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The fields of a log line. They never hold a key, a signature, a header or a body. */
export type LogFields = Record<string, unknown>;

/** Writes to the application's logger, if there is one. Never throws. */
export interface Log {
  write(level: LogLevel, fields: LogFields, message: string): void;
  /**
   * Logs a warning that the developer must see. Without a logger it is a Node process warning: once per message, and at most
   * ten times per code, because the sender chooses the event names in messages.
   */
  warnDeveloper(code: string, message: string, cause?: Error): void;
}

const MAX_WARNINGS_PER_CODE = 10;

export function createLog(logger: Logger | undefined): Log {
  const warned = new Map<string, Set<string>>();

  function write(level: LogLevel, fields: LogFields, message: string): void {
    // The failure of a logger cannot be logged, and must not affect the delivery.
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

/** Shortens a name from outside to one line without control characters, for warnings and log fields. */
export function truncateName(name: string): string {
  return toOneLine(truncate(name, 128));
}
