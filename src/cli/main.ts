#!/usr/bin/env node
import { createInterface } from 'node:readline';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isatty } from 'node:tty';
import { explain, report, wantsJson } from './failure.js';
import { run } from './program.js';
import { ioOf, paint, type Surroundings } from './terminal/io.js';
import { outputTo } from './terminal/output.js';
import { printable } from './terminal/text.js';

const interrupt = new AbortController();
// The second time, the default: to end at once.
process.once('SIGINT', () => interrupt.abort());

const args = process.argv.slice(2);
const err = outputTo(process.stderr, () => {}); // nothing is left to report it on
const out = outputTo(process.stdout, ({ message }) => {
  report(io, { code: 'ERR_FAILED', message: `The output could not be written: ${message}` }, wantsJson(args));
  process.exitCode = 1;
});
const surroundings: Surroundings = {
  env: process.env,
  input: () => buffer(addAbortSignal(interrupt.signal, process.stdin)),
  ...(isatty(0) && isatty(2) && { readLine }),
  out,
  err,
  signal: interrupt.signal,
};
const io = ioOf(surroundings);

// Node would print the stack and all members of an error that a driver lets escape, and those may quote a password.
process.on('uncaughtException', (thrown) => process.exit(explain(io, thrown, wantsJson(args))));

// Node writes warnings as they are, and they may quote what an API answered. Without a listener they were switched off.
if (process.listenerCount('warning') > 0) {
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => io.err(paint('yellow', printable(`${name}: ${message}`))));
}

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

void run(args, surroundings).then((code) => {
  // Unless what was printed is lost.
  process.exitCode ??= code;
});
