import type { Outcome } from '../delivery/outcome.js';
import type { Pipeline } from '../pipeline.js';
import type { HeadersInput } from '../shared/headers.js';
import type { InFlight } from '../shared/in-flight.js';
import type { BodyResult } from './body/body-result.js';

/** A request from any HTTP server. */
export interface IncomingRequest {
  readonly method: string | undefined;
  readonly headers: HeadersInput;
  /** Reads the body. Called only if the request is accepted. */
  readonly readBody: () => Promise<BodyResult>;
}

/** Takes a request to its outcome. Never rejects. */
export async function handleRequest(
  { method, headers, readBody }: IncomingRequest,
  pipeline: Pipeline,
  inFlight: InFlight,
): Promise<Outcome> {
  if (method !== 'POST') return pipeline.reject('method');
  if (inFlight.isClosed) return pipeline.reject('closing');
  try {
    const body = await readBody();
    if ('reason' in body) return pipeline.reject(body.reason);
    return await pipeline.process(body.bytes, headers);
  } catch (cause) {
    return pipeline.reject('internal', cause);
  }
}
