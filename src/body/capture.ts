import { bytesOf } from './bytes.js';
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

function keptBytes({ rawBody, body }: CapturableRequest): Buffer | undefined {
  return typeof rawBody === 'string' ? bytesOf(body) : (bytesOf(rawBody) ?? bytesOf(body));
}

function isUnread(req: CapturableRequest): boolean {
  return req.readable && !req.readableDidRead;
}
