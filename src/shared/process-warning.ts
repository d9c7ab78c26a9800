import { stripControlChars, toOneLine } from './control-chars.js';
import { readText } from './error-text.js';

/** In characters. The stack of an error begins with its message, which may be as long as a payload. */
const MAX_DETAIL = 4_000;

/** Emits a Node process warning. Text from outside can neither control the terminal nor forge a line in it. */
export function emitProcessWarning(code: string, message: string, cause?: Error): void {
  const detail = cause && { detail: indentLines(stripControlChars(readText(cause, 'stack').slice(0, MAX_DETAIL))) };
  process.emitWarning(toOneLine(message), { type: 'CakemailWebhooksWarning', code, ...detail });
}

/** Indents the lines of an error's message. The frames of a stack are indented already. */
function indentLines(stack: string): string {
  return stack.replace(/\n(?=\S)/g, '\n    ');
}
