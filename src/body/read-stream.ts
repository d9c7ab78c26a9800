import type { Readable, Transform } from 'node:stream';
import { ChunkCollector } from './chunks.js';
import type { BodyLimits, CapturedBody } from './request.js';

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
  // A stream with an encoding gives text, and the bytes are gone.
  if (!req.readable || req.readableEncoding !== null) return refuse('body_consumed', req, decoder);
  // With a decoder the declared length is that of the compressed bytes.
  const expected = decoder === undefined && declared ? Number(declared) : Number.NaN;
  if (expected > limits.limit) return refuse('body_too_large', req, decoder);
  return readChunks(req, expected, limits, decoder);
}

function readChunks(
  req: Readable,
  expected: number,
  { limit, timeoutMs }: BodyLimits,
  decoder: Transform | undefined,
): Promise<CapturedBody> {
  return new Promise((resolve) => {
    const source: Readable = decoder === undefined ? req : req.pipe(decoder);
    const chunks = new ChunkCollector();
    const settle = (result: CapturedBody): void => {
      clearTimeout(timer);
      source.off('data', onData).off('end', onEnd).off('error', onError);
      req.off('close', onClose).off('data', onCompressed).off('error', onBroken);
      // A compressed body can be whole before its request is.
      if ('reason' in result || !req.readableEnded) stopReading(req, decoder);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      chunks.add(chunk);
      if (chunks.length > limit) settle({ reason: 'body_too_large' });
    };
    const onEnd = (): void => {
      const isShort = expected >= 0 && chunks.length !== expected;
      settle(isShort ? { reason: 'body_aborted' } : { pieces: chunks.end() });
    };
    // Either the connection broke, or the decoder met bad data.
    const onError = (): void => settle({ reason: decoder === undefined ? 'body_aborted' : 'not_inflatable' });
    const onBroken = (): void => settle({ reason: 'body_aborted' });
    // A stream that is destroyed without an error neither ends nor fails.
    const onClose = (): void => {
      if (!req.readableEnded) onBroken();
    };
    // A compressed body can go on without end and inflate to nothing.
    let compressed = 0;
    const onCompressed = (chunk: Buffer): void => {
      compressed += chunk.length;
      if (compressed > limit) settle({ reason: 'body_too_large' });
    };
    const timer = setTimeout(() => settle({ reason: 'body_timeout' }), timeoutMs);
    req.once('close', onClose);
    source.on('data', onData).once('end', onEnd).once('error', onError);
    if (decoder !== undefined) req.on('data', onCompressed).once('error', onBroken);
  });
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
