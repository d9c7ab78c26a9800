import { type Readable, Transform } from 'node:stream';
import getRawBody from 'raw-body';
import type { BodyLimits, CapturedBody } from './captured-body.js';

/**
 * Reads an unread request to its end, or to the first limit. Always settles, even when the sender vanishes.
 * `declared` is the request's Content-Length, if it has one.
 */
export async function readStream(
  req: Readable,
  declared: string | null | undefined,
  limits: BodyLimits,
): Promise<CapturedBody> {
  const length = declared || null;
  // A stream with an encoding gives text, and the bytes are gone.
  if (!req.readable || req.readableEncoding !== null) return refuse('body_consumed', req);
  if (Number(length) > limits.limit) return refuse('body_too_large', req);
  return new Promise((resolve) => {
    const chunks = joinSmallChunks(limits.limit);
    const settle = (result: CapturedBody): void => {
      clearTimeout(timer);
      req.off('close', onClose).off('error', onError);
      if ('reason' in result) {
        req.unpipe(chunks);
        req.pause();
      }
      resolve(result);
    };
    // raw-body does not settle when a stream is destroyed without an error, nor when nothing more arrives.
    const onClose = (): void => {
      if (!req.readableEnded) settle({ reason: 'body_aborted' });
    };
    const onError = (error: Error): void => void chunks.destroy(error);
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), limits.timeoutMs);
    req.once('close', onClose).once('error', onError);
    getRawBody(req.pipe(chunks), { limit: limits.limit, length }, (error, bytes) => {
      if (error === null) settle({ pieces: [bytes] });
      else settle({ reason: error.type === 'entity.too.large' ? 'body_too_large' : 'body_aborted' });
    });
  });
}

const BLOCK_BYTES = 16 * 1024;

/**
 * Joins chunks to blocks, because raw-body keeps every chunk until the end and a Buffer of one byte occupies some 300
 * bytes. A full block exceeds a smaller limit, so that raw-body notices the excess when it arrives.
 */
function joinSmallChunks(limit: number): Transform {
  const size = Math.min(BLOCK_BYTES, limit + 1);
  let block = Buffer.allocUnsafeSlow(size);
  let end = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let start = 0; start < chunk.length; ) {
        const copied = chunk.copy(block, end, start);
        start += copied;
        end += copied;
        if (end < size) continue;
        this.push(block);
        block = Buffer.allocUnsafeSlow(size);
        end = 0;
      }
      done();
    },
    flush(done) {
      done(null, block.subarray(0, end));
    },
  });
}

function refuse(reason: 'body_consumed' | 'body_too_large', req: Readable): CapturedBody {
  req.pause();
  return { reason };
}
