import type { IncomingMessage } from 'node:http';
import type { BodyLimits, CapturedBody } from './request.js';

/**
 * Takes the pieces of an unread request, to its end or to the first limit. They stay as they came: joined they would be
 * copied, and the copies of large forged bodies were most of what a flood of them left to the garbage collection.
 */
export function collect(req: IncomingMessage, { limit, timeoutMs }: BodyLimits): Promise<CapturedBody> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const settle = (result: CapturedBody): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onBroken).off('error', onBroken);
      if ('reason' in result) req.pause();
      resolve(result);
    };
    const onData = (piece: Buffer): void => {
      length += piece.length;
      if (length > limit) settle({ reason: 'body_too_large' });
      else pieces.push(piece);
    };
    // Node itself sees to it that a body has the length that was declared.
    const onEnd = (): void => settle({ pieces });
    const onBroken = (): void => settle({ reason: 'body_aborted' });
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), timeoutMs);
    req.on('data', onData).once('end', onEnd).once('close', onBroken).once('error', onBroken);
  });
}
