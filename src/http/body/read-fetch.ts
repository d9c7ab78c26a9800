import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { type BodyLimits, type BodyResult, isIdentity } from './body-result.js';
import { readStream } from './read-stream.js';

/** Reads the exact bytes of a Fetch request that was not read yet. */
export async function readFetchBody(request: Request, limits: BodyLimits): Promise<BodyResult> {
  const { headers } = request;
  if (!isIdentity(headers.get('content-encoding') ?? undefined)) return { reason: 'content_encoding' };
  if (request.bodyUsed) return { reason: 'body_consumed' };
  const length = headers.get('content-length') ?? undefined;
  let body: ReadableStream | null;
  try {
    body = request.body as ReadableStream | null; // the types of Node and of Fetch declare this class separately
  } catch {
    return readWithheldBody(request, length, limits);
  }
  if (body === null) return { bytes: Buffer.alloc(0) };
  if (body.locked) return { reason: 'body_consumed' };
  return readAndDestroy(Readable.fromWeb(body), length, limits);
}

/**
 * Reads the body of a request whose host fails to create the stream. Fetch allows no credentials in an address, but a sender
 * may write `POST http://user@host/`. Such a body is read as a whole, so only its declared length can bound it.
 */
async function readWithheldBody(request: Request, length: string | undefined, limits: BodyLimits): Promise<BodyResult> {
  if (length === undefined || !/^\d+$/.test(length)) return { reason: 'body_aborted' };
  async function* wholeBody(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(await request.arrayBuffer());
  }
  return readAndDestroy(Readable.from(wholeBody()), length, limits);
}

/** Cancels what was refused, so that the host stops delivering it. */
async function readAndDestroy(source: Readable, length: string | undefined, limits: BodyLimits): Promise<BodyResult> {
  source.on('error', () => {}); // an error after the result must not become an uncaught exception
  try {
    return await readStream(source, length, limits);
  } finally {
    source.destroy();
  }
}
