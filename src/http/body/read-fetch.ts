import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { type BodyLimits, type BodyResult, isIdentity } from './body-result.js';
import { readStream } from './read-stream.js';

/** Reads the exact bytes of a Fetch request that was not read yet. */
export async function readFetchBody(request: Request, limits: BodyLimits): Promise<BodyResult> {
  if (!isIdentity(request.headers.get('content-encoding') ?? undefined)) return { reason: 'content_encoding' };
  if (request.bodyUsed) return { reason: 'body_consumed' };
  const body = bodyOf(request);
  if (body === null) return { bytes: Buffer.alloc(0) };
  if (body !== 'withheld' && body.locked) return { reason: 'body_consumed' };
  const length = request.headers.get('content-length') ?? undefined;
  // A withheld body is read as a whole, so only its declared length can bound it.
  if (body === 'withheld' && !/^\d+$/.test(length ?? '')) return { reason: 'body_aborted' };

  const source =
    body === 'withheld' ? Readable.from(wholeBody(request), { objectMode: false }) : Readable.fromWeb(body);
  // The reader handles its errors; a later one must not become an uncaught exception.
  source.on('error', () => {});
  try {
    return await readStream(source, length, limits);
  } finally {
    // Cancels what was refused, so that the host stops delivering it.
    source.destroy();
  }
}

/**
 * A host may create the real Request only when its body is asked for, and fail then: Fetch allows no credentials in an
 * address, and a sender may write `POST http://user@host/` all the same. Such a host can still read the whole body.
 */
function bodyOf(request: Request): ReadableStream | null | 'withheld' {
  try {
    // The types of Node and of Fetch declare this class separately.
    return request.body as ReadableStream | null;
  } catch {
    return 'withheld';
  }
}

async function* wholeBody(request: Request): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await request.arrayBuffer());
}
