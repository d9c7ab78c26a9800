#!/usr/bin/env node
import { createInterface } from 'node:readline';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isatty } from 'node:tty';
import { outputTo } from './output.js';
import { run } from './run.js';

const interrupt = new AbortController();
// The second time, the default: to end at once.
process.once('SIGINT', () => interrupt.abort());

const err = outputTo(process.stderr, () => {}); // nobody is left to tell
const out = outputTo(process.stdout, ({ message }) => {
  err.write(`The output could not be written: ${message}`);
  process.exitCode = 1;
});

/** One line as the terminal gives it. Ctrl-C ends the wait. */
async function readLine(): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, signal: interrupt.signal });
  try {
    for await (const line of lines) return line;
    return undefined;
  } finally {
    lines.close();
  }
}

void run(process.argv.slice(2), {
  env: process.env,
  input: () => buffer(addAbortSignal(interrupt.signal, process.stdin)),
  ...(isatty(0) && { readLine }),
  out,
  err,
  signal: interrupt.signal,
}).then((code) => {
  // Unless what was printed is lost.
  process.exitCode ??= code;
});
