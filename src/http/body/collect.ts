import type { IncomingMessage } from 'node:http';
import type { BodyLimits, CapturedBody } from './captured-body.js';
import { ChunkCollector } from './chunk-collector.js';

/** Reads an unread request to its end, or to the first limit. */
export function collect(req: IncomingMessage, { limit, timeoutMs }: BodyLimits): Promise<CapturedBody> {
  return new Promise((resolve) => {
    const chunks = new ChunkCollector();
    const settle = (result: CapturedBody): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onBroken).off('error', onBroken);
      if ('reason' in result) req.pause();
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      chunks.add(chunk);
      if (chunks.length > limit) settle({ reason: 'body_too_large' });
    };
    // Node itself ensures that a body has the length that was declared.
    const onEnd = (): void => settle({ pieces: chunks.end() });
    const onBroken = (): void => settle({ reason: 'body_aborted' });
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), timeoutMs);
    req.on('data', onData).once('end', onEnd).once('close', onBroken).once('error', onBroken);
  });
}
