import { contain } from '../contain.js';
import { readText } from '../errors.js';

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
  /** For what the developer must see even without a logger: a Node process warning then, once a message. */
  warnDeveloper(code: string, message: string, cause?: Error): void;
}

export function createLog(logger: Logger | undefined): Log {
  const warned = new Set<string>();

  function write(level: LogLevel, fields: LogFields, message: string): void {
    // A broken logger has no place to complain to; the delivery goes on.
    contain(
      () => logger?.[level]?.(fields, message),
      () => {},
    );
  }

  function warnDeveloper(code: string, message: string, cause?: Error): void {
    if (logger !== undefined) {
      write('warn', { code, ...(cause && { err: cause }) }, message);
    } else if (!warned.has(message)) {
      warned.add(message);
      const detail = cause && { detail: readText(cause, 'stack') };
      process.emitWarning(message, { type: 'CakemailWebhooksWarning', code, ...detail });
    }
  }

  return { write, warnDeveloper };
}

/** A name from outside, short enough for a line. */
export function cut(name: string): string {
  if (typeof name !== 'string') return typeof name;
  return name.length > 128 ? `${name.slice(0, 128)}…` : name;
}
