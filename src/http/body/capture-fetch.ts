import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { type BodyLimits, type CapturedBody, isIdentity } from './captured-body.js';
import { readStream } from './read-stream.js';

/** The exact bytes of a Fetch request that was not read yet. */
export async function captureFetchBody(request: Request, limits: BodyLimits): Promise<CapturedBody> {
  const encoding = request.headers.get('content-encoding') ?? undefined;
  if (!isIdentity(encoding)) return { reason: 'content_encoding' };
  if (request.bodyUsed) return { reason: 'body_consumed' };
  const body = bodyOf(request);
  if (body === null) return { pieces: [] };
  if (body !== 'withheld' && body.locked) return { reason: 'body_consumed' };
  const declared = request.headers.get('content-length');
  // Such a body is read as a whole, and only its declared length bounds it.
  if (body === 'withheld' && !/^\d+$/.test(declared ?? '')) return { reason: 'body_aborted' };
  if (body === 'withheld' && Number(declared) > limits.limit) return { reason: 'body_too_large' };

  const source =
    body === 'withheld' ? Readable.from(wholeBody(request), { objectMode: false }) : Readable.fromWeb(body);
  // The reader sees its errors; a later one must not become an uncaught exception.
  source.on('error', () => {});
  try {
    return await readStream(source, declared, limits);
  } finally {
    // Tells the host that what was refused is not wanted.
    source.destroy();
  }
}

/**
 * A host may create the real Request only when its body is asked for, and fail then: Fetch allows no credentials in an
 * address, and a sender may write `POST http://user@host/` all the same. Such a host can still read the whole body.
 */
function bodyOf(request: Request): ReadableStream | null | 'withheld' {
  try {
    // The types of Node and of Fetch disagree on what is one class.
    return request.body as ReadableStream | null;
  } catch {
    return 'withheld';
  }
}

async function* wholeBody(request: Request): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await request.arrayBuffer());
}
