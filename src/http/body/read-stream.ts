import { finished, type Readable, Transform } from 'node:stream';
import getRawBody from 'raw-body';
import type { BodyLimits, BodyResult } from './body-result.js';

/**
 * Reads a stream of bytes to its end, or to the first limit. Always settles, even when the sender vanishes. A stream that
 * is refused is paused and stays open, so that its sender can still be answered.
 *
 * @param length the declared Content-Length, which the body must have.
 */
export async function readStream(
  stream: Readable,
  length: string | undefined,
  { limit, timeoutMs }: BodyLimits,
): Promise<BodyResult> {
  if (Number(length) > limit) return { reason: 'body_too_large' };
  return new Promise((resolve) => {
    const chunks = joinSmallChunks(limit);
    const settle = (result: BodyResult): void => {
      clearTimeout(timer);
      stopWatching();
      stream.unpipe(chunks).pause();
      resolve(result);
    };
    // raw-body never calls back when a stream stops, or is destroyed without an error.
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), timeoutMs);
    const stopWatching = finished(stream, (error) => {
      if (error) settle({ reason: 'body_aborted' });
    });
    getRawBody(stream.pipe(chunks), { limit, length: length || null }, (error, bytes) => {
      if (error === null) settle({ bytes });
      else settle({ reason: error.type === 'entity.too.large' ? 'body_too_large' : 'body_aborted' });
    });
  });
}

const JOINED_BYTES = 1024;

/**
 * Joins small chunks as they arrive, because raw-body keeps every chunk until the end and a Buffer of one byte occupies
 * some 300 bytes. Holds nothing back once the limit is exceeded, so that raw-body notices at once.
 */
function joinSmallChunks(limit: number): Transform {
  let received = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < JOINED_BYTES && received <= limit) return done();
      const joined = pending.length === 1 ? chunk : Buffer.concat(pending);
      pending = [];
      pendingBytes = 0;
      done(null, joined);
    },
    flush(done) {
      done(null, Buffer.concat(pending));
    },
  });
}
