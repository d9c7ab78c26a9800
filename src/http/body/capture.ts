import { bytesOf } from '../../shared/bytes.js';
import type { Awaitable } from '../../shared/promises.js';
import { type BodyLimits, type CapturableRequest, type CapturedBody, isIdentity } from './captured-body.js';
import { collect } from './collect.js';
import { endOfTurn } from './end-of-turn.js';

/**
 * The exact bytes of a request, whatever ran before: bytes that were kept, then a raw or text parser's body, then the
 * unread stream. A body of which only the parsed form is left is refused: to stringify it again would make other bytes.
 */
export function captureBody(req: CapturableRequest, limits: BodyLimits): Awaitable<CapturedBody> {
  if (!isIdentity(req.headers['content-encoding'])) return { reason: 'content_encoding' };
  const kept = keptBytes(req);
  if (kept !== undefined) return bounded(kept, limits);
  if (req.destroyed && !req.readableEnded) return { reason: 'body_aborted' };
  if (!isUnread(req)) return { reason: 'body_consumed' };
  return readUnread(req, limits);
}

async function readUnread(req: CapturableRequest, limits: BodyLimits): Promise<CapturedBody> {
  // Claims the body: Node throws it away when somebody answers a request of which nothing was read.
  req.read(0);
  await endOfTurn();
  // A small body mostly comes with its headers, and is then here as a whole: no listeners, no limits of time.
  if (req.complete && !req.readableDidRead) return bounded(req.read(), limits);
  if (req.destroyed) return { reason: 'body_aborted' };
  if (!isUnread(req)) return { reason: 'body_consumed' };
  return Number(req.headers['content-length']) > limits.limit ? { reason: 'body_too_large' } : collect(req, limits);
}

function keptBytes({ rawBody, body }: CapturableRequest): Buffer | undefined {
  return typeof rawBody === 'string' ? bytesOf(body) : (bytesOf(rawBody) ?? bytesOf(body));
}

function isUnread(req: CapturableRequest): boolean {
  return req.readable && !req.readableDidRead && req.readableEncoding === null;
}

function bounded(bytes: Buffer | null, { limit }: BodyLimits): CapturedBody {
  if (bytes === null) return { pieces: [] };
  return bytes.length > limit ? { reason: 'body_too_large' } : { pieces: [bytes] };
}
