import type { WriteStream } from 'node:tty';
import type { Output } from './io.js';

/** A stream to write lines to. Once it takes no more, the rest is left out: the work goes on without it. */
export function outputTo(stream: WriteStream, onFailure: (error: NodeJS.ErrnoException) => void): Output {
  let hasFailed = false;
  const fail = (error: NodeJS.ErrnoException): void => {
    if (hasFailed) return;
    hasFailed = true;
    // Whoever reads may have enough: `… | head`.
    if (error.code !== 'EPIPE') onFailure(error);
  };
  stream.on('error', fail);
  return {
    isTerminal: stream.isTTY === true,
    // A terminal that does not know its width says 0.
    columns: stream.columns || undefined,
    write(text) {
      if (!hasFailed) stream.write(`${text}\n`);
    },
  };
}
