import type { Pipeline } from '../pipeline.js';
import type { InFlight } from '../shared/in-flight.js';
import type { BodyLimits } from './body/body-result.js';
import { readFetchBody } from './body/read-fetch.js';
import { handleRequest } from './handle-request.js';

/** Serves Fetch requests. */
export class FetchAdapter {
  constructor(
    private readonly pipeline: Pipeline,
    private readonly inFlight: InFlight,
    private readonly limits: BodyLimits,
  ) {}

  /** Takes the request through the pipeline and responds. Never rejects. */
  async serve(request: Request): Promise<Response> {
    const { method, headers } = request;
    const readBody = () => readFetchBody(request, this.limits);
    const outcome = await this.inFlight.track(() =>
      handleRequest({ method, headers, readBody }, this.pipeline, this.inFlight),
    );
    const response = outcome.toResponse();
    return new Response(response.body, { status: response.status, headers: response.headers });
  }
}
