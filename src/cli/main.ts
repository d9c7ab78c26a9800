#!/usr/bin/env node
import { run } from './run.js';

const interrupt = new AbortController();
// Whoever reads may have enough: `… list | head`.
process.stdout.on('error', () => process.exit(0));
// The second time, the default: to end at once.
process.once('SIGINT', () => interrupt.abort());

void run(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  isTerminal: process.stdout.isTTY === true,
  signal: interrupt.signal,
}).then((code) => {
  process.exitCode = code;
});
