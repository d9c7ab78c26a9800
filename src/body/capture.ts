import { asBuffer } from './bytes.js';
import { decoderFor, isIdentity } from './inflate.js';
import { readStream } from './read-stream.js';
import type { BodyLimits, CapturableRequest, CapturedBody } from './request.js';

/**
 * The exact bytes of a request, whatever ran before: bytes that were kept, then a raw or text parser's body, then the
 * unread stream. A body of which only the parsed form is left is refused: to stringify it again would make other bytes.
 */
export async function captureBody(req: CapturableRequest, limits: BodyLimits): Promise<CapturedBody> {
  const encoding = req.headers['content-encoding'];
  const decoder = limits.inflate ? decoderFor(encoding) : undefined;
  if (!isIdentity(encoding) && decoder === undefined) return { reason: 'content_encoding' };

  const kept = keptBytes(req);
  if (kept !== undefined) return kept.length > limits.limit ? { reason: 'body_too_large' } : { bytes: kept };
  if (req.destroyed && !req.readableEnded) return { reason: 'body_aborted' };
  if (!isUnread(req)) return { reason: 'body_consumed' };
  return readStream(req, limits, decoder?.());
}

function keptBytes(req: CapturableRequest): Buffer | undefined {
  const { rawBody, body } = req;
  if (rawBody instanceof Uint8Array) return asBuffer(rawBody);
  if (body instanceof Uint8Array) return asBuffer(body);
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : undefined;
}

function isUnread(req: CapturableRequest): boolean {
  return req.readable && !req.readableDidRead;
}
