import { CommanderError } from 'commander';
import { InboxError } from '../inbox/index.js';
import { readText, toError } from '../shared/error-text.js';
import { ConfigurationError, WebhookError, type WebhookErrorCode } from '../shared/errors.js';
import { UsageError } from './environment.js';
import { complaint } from './format-usage-error.js';
import { type Io, paint } from './terminal/io.js';
import { jsonLine, printable } from './terminal/text.js';

/** An error as the command reports it: `{ "error": … }` with `--json`, one or two lines without. */
interface Failure {
  /** Stable, for programs. */
  readonly code: WebhookErrorCode | 'ERR_USAGE' | 'ERR_INTERRUPTED' | 'ERR_FAILED';
  readonly message: string;
  /** The way out, where the message does not name it. */
  readonly help?: string | undefined;
}

/** Reports what a command threw, on standard error, and returns the exit code for it. */
export function explain(io: Io, thrown: unknown, isJson: boolean): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  const failure = failureOf(io, thrown);
  if (failure === undefined) return 2;
  report(io, failure, isJson);
  if (failure.code === 'ERR_INTERRUPTED') return 130;
  return failure.code === 'ERR_USAGE' || thrown instanceof ConfigurationError ? 2 : 1;
}

/** Writes a failure to standard error. */
export function report(io: Pick<Io, 'err'>, { code, message, help }: Failure, isJson: boolean): void {
  if (isJson) {
    io.err(jsonLine({ error: { code, message, help } }));
    return;
  }
  const [line = '', ...rest] = message.split('\n');
  io.err(paint('red', line), paint('dim', ` [${code}]`), ...rest.map((each) => `\n${each}`));
  if (help !== undefined) io.err(help);
}

/** Looks at the arguments themselves, because what commander refuses was never parsed. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

/** Undefined when the help, which commander has printed, says everything. */
function failureOf(io: Io, thrown: unknown): Failure | undefined {
  if (thrown instanceof CommanderError) {
    const message = complaint(thrown);
    return message === undefined ? undefined : { code: 'ERR_USAGE', message };
  }
  if (io.signal.aborted) {
    const message = 'Interrupted. What was done stays done; run the same again to go on.';
    return { code: 'ERR_INTERRUPTED', message };
  }
  const error = toError(thrown);
  const message = printable(readText(error, 'message'));
  if (error instanceof UsageError) return { code: 'ERR_USAGE', message };
  // Without that code's help, which is about a delivery that could not be stored.
  if (error instanceof InboxError) return { code: 'ERR_INBOX_UNAVAILABLE', message };
  if (!(error instanceof WebhookError)) return { code: 'ERR_FAILED', message };
  const { code, help } = error;
  return { code, message, ...(!message.includes(help) && { help }) };
}
