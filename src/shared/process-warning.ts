import { stripControlChars, toOneLine } from './control-chars.js';
import { readText } from './error-text.js';

/** Characters of an error's stack. Its message may be as long as a payload. */
const MAX_DETAIL = 4_000;

/** Emits a Node process warning, in which nothing from outside can steer the terminal or pass for a line of its own. */
export function emitProcessWarning(code: string, message: string, cause?: Error): void {
  const detail = cause && { detail: indentLines(stripControlChars(readText(cause, 'stack').slice(0, MAX_DETAIL))) };
  process.emitWarning(toOneLine(message), { type: 'CakemailWebhooksWarning', code, ...detail });
}

/** The frames of a stack are indented already; an error's message may have lines of its own. */
function indentLines(stack: string): string {
  return stack.replace(/\n(?=\S)/g, '\n    ');
}
