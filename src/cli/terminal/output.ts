import type { WriteStream } from 'node:tty';
import type { Output } from './io.js';

/** Writes lines to a stream. After a failed write it drops further lines, so that the command still completes its work. */
export function outputTo(stream: WriteStream, onFailure: (error: NodeJS.ErrnoException) => void): Output {
  let hasFailed = false;
  const fail = (error: NodeJS.ErrnoException): void => {
    if (hasFailed) return;
    hasFailed = true;
    // The reader of a pipe may stop early, as in `… | head`.
    if (error.code !== 'EPIPE') onFailure(error);
  };
  stream.on('error', fail);
  return {
    isTerminal: stream.isTTY === true,
    // A terminal with an unknown width reports 0.
    columns: stream.columns || undefined,
    write(text) {
      if (!hasFailed) stream.write(`${text}\n`);
    },
  };
}
