import type { IncomingMessage } from 'node:http';

/** What a sender may still push after it was refused, in bytes and milliseconds. */
const LINGER_BYTES = 128 * 1024;
const LINGER_MS = 1000;

/** Reads on and throws away, as far as the rest is small and quick. Resolves to whether the request is over. */
export function discardRest(req: IncomingMessage): Promise<boolean> {
  return new Promise((resolve) => {
    let allowance = LINGER_BYTES;
    const onData = (chunk: Buffer): void => {
      allowance -= chunk.length;
      if (allowance < 0) settle(false);
    };
    const onOver = (): void => settle(true);
    const settle = (over: boolean): void => {
      clearTimeout(timer);
      req.pause().off('data', onData).off('end', onOver).off('close', onOver).off('error', onOver);
      resolve(over);
    };
    const timer = setTimeout(() => settle(false), LINGER_MS);
    req.on('data', onData).once('end', onOver).once('close', onOver).once('error', onOver);
    req.resume();
  });
}

/**
 * Calls `done` when a refused sender has stopped sending, or has had its chance. Closing at once would make the kernel
 * reset the connection and throw the answer away unread; reading on to the end would be what the refusal was to avoid.
 * A sender that goes on is read no further: TCP holds it up, and it finds its answer.
 */
export async function linger(req: IncomingMessage, done: () => void): Promise<void> {
  if (!(await discardRest(req))) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LINGER_MS);
      req.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  done();
}
