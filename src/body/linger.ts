import type { IncomingMessage } from 'node:http';

/** What a sender may still push after it was refused, in bytes and milliseconds. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 1000;

/**
 * Calls `done` when a refused sender has stopped sending, or has had its chance. Closing at once would make the kernel
 * reset the connection and throw the answer away unread; reading on to the end would be what the refusal was to avoid.
 * Past the byte limit nothing more is read: the sender is held up by TCP and finds its answer.
 */
export function linger(req: IncomingMessage, done: () => void): void {
  let allowance = LINGER_BYTES;
  const onData = (chunk: Buffer): void => {
    allowance -= chunk.length;
    if (allowance < 0) req.pause();
  };
  const finish = (): void => {
    clearTimeout(timer);
    req.off('data', onData).off('end', finish).off('close', finish).off('error', finish);
    done();
  };
  const timer = setTimeout(finish, LINGER_MS);
  req.on('data', onData).once('end', finish).once('close', finish).once('error', finish);
  req.resume();
}
