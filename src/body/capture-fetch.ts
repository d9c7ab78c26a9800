import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { decoderFor, isIdentity } from './inflate.js';
import { readStream } from './read-stream.js';
import type { BodyLimits, CapturedBody } from './request.js';

/** The exact bytes of a Fetch request that nobody has read. */
export async function captureFetchBody(request: Request, limits: BodyLimits): Promise<CapturedBody> {
  const encoding = request.headers.get('content-encoding') ?? undefined;
  const decoder = limits.inflate ? decoderFor(encoding) : undefined;
  if (!isIdentity(encoding) && decoder === undefined) return { reason: 'content_encoding' };
  if (request.bodyUsed || request.body?.locked) return { reason: 'body_consumed' };
  if (request.body === null) return { pieces: [] };

  // The types of Node and of Fetch disagree on what is one class.
  const source = Readable.fromWeb(request.body as ReadableStream);
  // Whoever reads sees its errors; one that comes after that must not become an uncaught exception.
  source.on('error', () => {});
  try {
    return await readStream(source, request.headers.get('content-length'), limits, decoder?.());
  } finally {
    // Tells the host that what was refused is not wanted.
    source.destroy();
  }
}
