import { readText } from '../../shared/errors.js';
import { truncate } from '../../shared/truncate.js';

// What is kept of texts that may have any length: many are kept, in memory and in the file.

const MOST_STACK_LINES = 8;
const MOST_STACK = 2_000;
const MOST_MESSAGE = 1_000;
const MOST_NAME = 200;

export function messageIn(text: string): string {
  return cut(text, MOST_MESSAGE);
}

export function nameIn(text: string): string {
  return cut(text, MOST_NAME);
}

/** Of an error's stack the beginning: the frames of this package, which come last, help nobody. */
export function stackIn(error: Error): string {
  return cut(wholeStack(error).split('\n', MOST_STACK_LINES).join('\n'), MOST_STACK);
}

/** Programs put all sorts of things in its place. */
function wholeStack(error: Error): string {
  try {
    const { stack } = error;
    if (typeof stack === 'string' && stack !== '') return stack;
  } catch {}
  return readText(error, 'message');
}

/** A copy: a part of a string keeps all of it in memory. */
function cut(text: string, most: number): string {
  return Buffer.from(truncate(text, most), 'utf16le').toString('utf16le');
}
