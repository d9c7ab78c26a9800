import type { Readable, Transform } from 'node:stream';
import getRawBody from 'raw-body';
import type { BodyFlaw, BodyLimits, CapturedBody } from './request.js';

/**
 * Reads an unread request to its end, or to the first limit. Always settles, even when the sender vanishes.
 * `length` is what its Content-Length says, if it has one.
 */
export function readStream(
  req: Readable,
  length: string | null | undefined,
  limits: BodyLimits,
  decoder?: Transform,
): Promise<CapturedBody> {
  return new Promise((resolve) => {
    const source: Readable = decoder === undefined ? req : req.pipe(decoder);
    let settled = false;
    const settle = (result: CapturedBody): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      req.off('close', onClose).off('data', onCompressed);
      // A compressed body can be whole before its request is.
      if ('reason' in result || !req.readableEnded) stopReading(req, decoder);
      resolve(result);
    };
    // raw-body does not settle when a stream is destroyed without an error, nor when nothing more arrives.
    const onClose = (): void => {
      if (!req.readableEnded) settle({ reason: 'body_aborted' });
    };
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), limits.timeoutMs);
    req.once('close', onClose);
    // What is compressed can go on for ever without inflating to anything.
    let compressed = 0;
    const onCompressed = (chunk: Buffer): void => {
      compressed += chunk.length;
      if (compressed > limits.limit) settle({ reason: 'body_too_large' });
    };
    if (decoder !== undefined) req.on('data', onCompressed).once('error', onClose);

    // A declared length is that of the compressed bytes.
    const expected = (decoder === undefined && length) || null;
    getRawBody(source, { limit: limits.limit, length: expected }, (error, bytes) => {
      settle(error ? { reason: flawOf(error, decoder) } : { pieces: [bytes] });
    });
  });
}

function flawOf(error: getRawBody.RawBodyError, decoder: Transform | undefined): BodyFlaw {
  switch (error.type) {
    case 'entity.too.large':
      return 'body_too_large';
    case 'stream.not.readable':
    case 'stream.encoding.set': // somebody asked for text, and the bytes are gone
      return 'body_consumed';
    default:
      // Raised by the stream itself: the decoder met bad data, or the connection broke or fell short.
      return decoder === undefined ? 'body_aborted' : 'not_inflatable';
  }
}

function stopReading(req: Readable, decoder: Transform | undefined): void {
  req.pause();
  if (decoder === undefined) return;
  req.unpipe(decoder);
  // A late error of a decoder that nobody reads any more must not become an uncaught exception.
  decoder.on('error', () => {}).destroy();
}
