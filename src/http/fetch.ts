import { replyWithDetail } from '../delivery/outcome.js';
import type { Settings } from '../options.js';
import type { Receiver } from '../pipeline.js';
import type { Drain } from '../shared/in-flight.js';
import { captureFetchBody } from './body/capture-fetch.js';
import { takeIn } from './handle-request.js';

/** Serves Fetch requests. */
export class FetchFace {
  constructor(
    private readonly settings: Settings,
    private readonly receiver: Receiver,
    private readonly drain: Drain,
  ) {}

  /** Takes the request through the pipeline and answers it. Never rejects. */
  async serve(request: Request): Promise<Response> {
    const { method, headers } = request;
    const capture = () => captureFetchBody(request, this.settings.body);
    const outcome = await this.drain.track(() => takeIn({ method, headers, capture }, this.receiver, this.drain));
    const reply = this.settings.exposeErrors ? replyWithDetail(outcome) : outcome.toResponse();
    return new Response(reply.body, { status: reply.status, headers: reply.headers });
  }
}
