#!/usr/bin/env node
import { createInterface } from 'node:readline';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isatty } from 'node:tty';
import { toOneLine } from '../shared/control-chars.js';
import { isJsonRequested, printFailure, reportError } from './failure.js';
import { run } from './program.js';
import { type CliEnvironment, createIo, paint } from './terminal/io.js';
import { outputTo } from './terminal/output.js';

const interrupt = new AbortController();
// A second Ctrl-C has its default effect and ends the process at once.
process.once('SIGINT', () => interrupt.abort());

const args = process.argv.slice(2);
const err = outputTo(process.stderr, () => {}); // there is no other stream to report it on
const out = outputTo(process.stdout, ({ message }) => {
  printFailure(
    io,
    { code: 'ERR_FAILED', message: `The output could not be written: ${message}` },
    isJsonRequested(args),
  );
  process.exitCode = 1;
});
const environment: CliEnvironment = {
  env: process.env,
  input: () => buffer(addAbortSignal(interrupt.signal, process.stdin)),
  ...(isatty(0) && isatty(2) && { readLine }),
  out,
  err,
  signal: interrupt.signal,
};
const io = createIo(environment);

// Node would print the stack and all properties of an error that a database driver throws, which may quote a password.
process.on('uncaughtException', (thrown) => process.exit(reportError(io, thrown, isJsonRequested(args))));

// Node prints warnings unescaped, and they may quote an API response. It has no listener when the user disabled warnings.
if (process.listenerCount('warning') > 0) {
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => io.err(paint('yellow', toOneLine(`${name}: ${message}`))));
}

/** Reads a line from the terminal. Ctrl-C ends the wait. */
async function readLine(): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, signal: interrupt.signal });
  try {
    for await (const line of lines) return line;
    return undefined;
  } finally {
    lines.close();
  }
}

void run(args, environment).then((code) => {
  // A failed write to standard output has set its own code.
  process.exitCode ??= code;
});
