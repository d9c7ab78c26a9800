import { CommanderError } from 'commander';
import { InboxError } from '../inbox/index.js';
import { toOneLine } from '../shared/control-chars.js';
import { toError } from '../shared/error-text.js';
import { ConfigurationError, WebhookError, type WebhookErrorCode } from '../shared/errors.js';
import { formatUsageError } from './format-usage-error.js';
import { type Io, paint } from './terminal/io.js';
import { toJsonLine } from './terminal/text.js';
import { UsageError } from './usage-error.js';

/** An error as a command prints it: as `{ "error": … }` with `--json`, otherwise in one or two lines. */
interface Failure {
  /** A stable code for programs. */
  readonly code: WebhookErrorCode | 'ERR_USAGE' | 'ERR_INTERRUPTED' | 'ERR_FAILED';
  readonly message: string;
  /** The fix, unless the message names it. */
  readonly help?: string | undefined;
}

/** Prints what a command threw to standard error, and returns the exit code. */
export function reportError(io: Io, thrown: unknown, isJson: boolean): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  const failure = toFailure(io, thrown);
  if (failure === undefined) return 2;
  printFailure(io, failure, isJson);
  if (failure.code === 'ERR_INTERRUPTED') return 130;
  return failure.code === 'ERR_USAGE' || thrown instanceof ConfigurationError ? 2 : 1;
}

/** Prints a failure to standard error. */
export function printFailure(io: Pick<Io, 'err'>, { code, message, help }: Failure, isJson: boolean): void {
  if (isJson) {
    io.err(toJsonLine({ error: { code, message, help } }));
    return;
  }
  const [line = '', ...rest] = message.split('\n');
  io.err(paint('red', line), paint('dim', ` [${code}]`), ...rest.map((each) => `\n${each}`));
  if (help !== undefined) io.err(help);
}

/** Searches the raw arguments for `--json`, because commander does not parse arguments that it refuses. */
export function isJsonRequested(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

/** Undefined when commander has printed the help, which is enough. */
function toFailure(io: Io, thrown: unknown): Failure | undefined {
  if (thrown instanceof CommanderError) {
    const message = formatUsageError(thrown);
    return message === undefined ? undefined : { code: 'ERR_USAGE', message };
  }
  if (io.signal.aborted) {
    const message = 'Interrupted. Completed steps are kept; run the same command again to continue.';
    return { code: 'ERR_INTERRUPTED', message };
  }
  const error = toError(thrown);
  const message = toOneLine(error.message);
  if (error instanceof UsageError) return { code: 'ERR_USAGE', message };
  // The help of this code is left out, because it concerns a delivery that could not be stored.
  if (error instanceof InboxError) return { code: 'ERR_INBOX_UNAVAILABLE', message };
  if (!(error instanceof WebhookError)) return { code: 'ERR_FAILED', message };
  const { code, help } = error;
  return { code, message, ...(!message.includes(help) && { help }) };
}
