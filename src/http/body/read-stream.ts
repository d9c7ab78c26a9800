import { type Readable, Transform } from 'node:stream';
import getRawBody from 'raw-body';
import type { BodyFlaw, BodyLimits, CapturedBody } from './captured-body.js';

/**
 * Reads an unread request to its end, or to the first limit. Always settles, even when the sender vanishes.
 * `declared` is the request's Content-Length, if it has one.
 */
export async function readStream(
  req: Readable,
  declared: string | null | undefined,
  limits: BodyLimits,
  decoder?: Transform,
): Promise<CapturedBody> {
  // With a decoder, the declared length is that of the compressed bytes.
  const length = decoder === undefined && declared ? declared : null;
  // A stream with an encoding gives text, and the bytes are gone.
  if (!req.readable || req.readableEncoding !== null) return refuse('body_consumed', req, decoder);
  if (Number(length) > limits.limit) return refuse('body_too_large', req, decoder);
  return new Promise((resolve) => {
    const chunks = joinSmallChunks(limits.limit);
    const source = decoder === undefined ? req : req.pipe(decoder);
    const settle = (result: CapturedBody): void => {
      clearTimeout(timer);
      req.off('close', onClose).off('data', onCompressed);
      source.off('error', onError);
      // A compressed body can be whole before its request is.
      if ('reason' in result || !req.readableEnded) {
        source.unpipe(chunks);
        stopReading(req, decoder);
      }
      resolve(result);
    };
    // raw-body does not settle when a stream is destroyed without an error, nor when nothing more arrives.
    const onClose = (): void => {
      if (!req.readableEnded) settle({ reason: 'body_aborted' });
    };
    const onError = (error: Error): void => void chunks.destroy(error);
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), limits.timeoutMs);
    req.once('close', onClose);
    // A compressed body can go on without end and inflate to nothing.
    let compressed = 0;
    const onCompressed = (chunk: Buffer): void => {
      compressed += chunk.length;
      if (compressed > limits.limit) settle({ reason: 'body_too_large' });
    };
    if (decoder !== undefined) req.on('data', onCompressed).once('error', onClose);

    getRawBody(source.once('error', onError).pipe(chunks), { limit: limits.limit, length }, (error, bytes) => {
      settle(error ? { reason: flawOf(error, decoder) } : { pieces: [bytes] });
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

function flawOf(error: getRawBody.RawBodyError, decoder: Transform | undefined): BodyFlaw {
  if (error.type === 'entity.too.large') return 'body_too_large';
  // Raised by the stream itself: the decoder met bad data, or the connection broke or fell short.
  return decoder === undefined ? 'body_aborted' : 'not_inflatable';
}

function refuse(
  reason: 'body_consumed' | 'body_too_large',
  req: Readable,
  decoder: Transform | undefined,
): CapturedBody {
  stopReading(req, decoder);
  return { reason };
}

function stopReading(req: Readable, decoder: Transform | undefined): void {
  req.pause();
  if (decoder === undefined) return;
  req.unpipe(decoder);
  // A late error of a decoder that is no longer read must not become an uncaught exception.
  decoder.on('error', () => {}).destroy();
}
