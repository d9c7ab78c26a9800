import { CommanderError } from 'commander';
import { ConfigurationError, readText, toError, WebhookError, type WebhookErrorCode } from '../errors.js';
import { complaint } from './complaint.js';
import { UsageError } from './connect.js';
import { type Io, paint } from './io.js';
import { jsonLine, printable } from './text.js';

/** An error as the command reports it: `{ "error": … }` with `--json`, one or two lines without. */
interface Failure {
  /** Stable, for programs. */
  readonly code: WebhookErrorCode | 'ERR_USAGE' | 'ERR_INTERRUPTED' | 'ERR_FAILED';
  readonly message: string;
  /** What to do about it, where the message does not say it. */
  readonly help?: string;
}

/** Reports what a command threw, on standard error, and returns the exit code for it. */
export function explain(io: Io, thrown: unknown, isJson: boolean): number {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  const failure = failureOf(io, thrown);
  if (failure === undefined) return 2;
  if (isJson) io.err(jsonLine({ error: failure }));
  else {
    const [line = '', ...rest] = failure.message.split('\n');
    io.err(paint('red', line), paint('dim', ` [${failure.code}]`), ...rest.map((each) => `\n${each}`));
    if (failure.help !== undefined) io.err(failure.help);
  }
  if (failure.code === 'ERR_INTERRUPTED') return 130;
  return failure.code === 'ERR_USAGE' || thrown instanceof ConfigurationError ? 2 : 1;
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
  if (!(error instanceof WebhookError)) return { code: 'ERR_FAILED', message };
  const { code, help } = error;
  return { code, message, ...(!message.includes(help) && { help }) };
}
