import { readText } from '../../shared/error-text.js';

// Bounds the texts that come from senders and handlers, because the history keeps thousands of them.

const MAX_STACK_LINES = 8;
const MAX_STACK = 2_000;
const MAX_MESSAGE = 1_000;
const MAX_NAME = 200;

export function truncateMessage(text: string): string {
  return truncate(text, MAX_MESSAGE);
}

export function truncateName(text: string): string {
  return truncate(text, MAX_NAME);
}

/** Keeps the top frames of a stack; the rest are this package's own. */
export function truncateStack(error: Error): string {
  return truncate(stackOf(error).split('\n', MAX_STACK_LINES).join('\n'), MAX_STACK);
}

/** A program may have replaced `stack` with any value. */
function stackOf(error: Error): string {
  try {
    const { stack } = error;
    if (typeof stack === 'string' && stack !== '') return stack;
  } catch {}
  return readText(error, 'message');
}

/** Returns a copy, because a slice of a string keeps the whole string in memory. */
function truncate(text: string, maxLength: number): string {
  const copy = Buffer.from(text.slice(0, maxLength), 'utf16le').toString('utf16le');
  return text.length > maxLength ? `${copy}…` : copy;
}
