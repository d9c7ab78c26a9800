import type { IncomingMessage } from 'node:http';

/** Bytes that a sender may still send after it was refused. */
const LINGER_BYTES = 128 * 1024;
/**
 * Milliseconds that a sender gets to stop sending, and then to read its response. The timers are unreferenced, because only
 * an open socket is worth keeping the process alive for.
 */
const LINGER_MS = 1000;

/** Discards the rest of a request while it is small and quick. Resolves to whether the request is over. */
export function drainRequest(req: IncomingMessage): Promise<boolean> {
  return new Promise((resolve) => {
    let allowance = LINGER_BYTES;
    const onData = (chunk: Buffer): void => {
      allowance -= chunk.length;
      if (allowance < 0) settle(false);
    };
    const onOver = (): void => settle(true);
    const settle = (isOver: boolean): void => {
      clearTimeout(timer);
      req.pause().off('data', onData).off('end', onOver).off('close', onOver).off('error', onOver);
      resolve(isOver);
    };
    const timer = setTimeout(() => settle(false), LINGER_MS).unref();
    req.on('data', onData).once('end', onOver).once('close', onOver).once('error', onOver);
    req.resume();
  });
}

/**
 * Resolves when a refused sender has stopped sending, or had the time to. If the connection closed at once, the kernel would
 * reset it and the sender would lose the response; reading on to the end would cost what the refusal avoids. A sender that
 * goes on is not read any further: TCP stops it, and it finds its response.
 */
export async function linger(req: IncomingMessage): Promise<void> {
  if (await drainRequest(req)) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS).unref();
    req.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
