import type { IncomingMessage } from 'node:http';
import { bytesOf } from '../../shared/bytes.js';
import { type BodyLimits, type BodyResult, isIdentity } from './body-result.js';
import { endOfTurn } from './end-of-turn.js';
import { readStream } from './read-stream.js';

/** A request as it reaches a middleware: others may have read it before and left what they read. */
export interface NodeRequest extends IncomingMessage {
  /** Bytes kept by `keepRawBody` or by a serverless platform. */
  rawBody?: unknown;
  /** The result of a body parser. */
  body?: unknown;
}

/**
 * Reads the exact bytes of a request, whatever ran before: bytes that were kept, then a raw or text parser's body, then the
 * unread stream. A body of which only the parsed form is left is refused, because stringifying it would make other bytes.
 */
export async function readNodeBody(req: NodeRequest, limits: BodyLimits): Promise<BodyResult> {
  if (!isIdentity(req.headers['content-encoding'])) return { reason: 'content_encoding' };
  const kept = keptBytes(req);
  if (kept !== undefined) return bounded(kept, limits);
  if (req.destroyed && !req.readableEnded) return { reason: 'body_aborted' };
  if (!isUnread(req)) return { reason: 'body_consumed' };

  const { 'content-length': length } = req.headers;
  if (Number(length) > limits.limit) return { reason: 'body_too_large' };
  // Claims the body, because Node discards one of which nothing was read when other middleware responds. While nothing has
  // arrived, asking for all of it makes Node buffer it without pausing the connection.
  req.read(req.readableLength === 0 ? Number(length) || 0 : 0);
  await endOfTurn();
  // Most bodies come with their headers and are complete now: they need no listeners and no time limit.
  if (req.complete && !req.readableDidRead) return bounded(req.read() ?? Buffer.alloc(0), limits);
  if (req.destroyed && !req.readableEnded) return { reason: 'body_aborted' };
  if (!isUnread(req)) return { reason: 'body_consumed' };
  return readStream(req, undefined, limits);
}

function keptBytes({ rawBody, body }: NodeRequest): Buffer | undefined {
  return typeof rawBody === 'string' ? bytesOf(body) : (bytesOf(rawBody) ?? bytesOf(body));
}

function isUnread(req: NodeRequest): boolean {
  return req.readable && !req.readableDidRead && req.readableEncoding === null;
}

function bounded(bytes: Buffer, { limit }: BodyLimits): BodyResult {
  return bytes.length > limit ? { reason: 'body_too_large' } : { bytes };
}
