import type { IncomingMessage, ServerResponse } from 'node:http';
import { AcceptedOutcome, errorForNext, RejectedOutcome } from '../delivery/outcome.js';
import type { Log } from '../instrumentation/logger.js';
import type { Pipeline } from '../pipeline.js';
import type { InFlight } from '../shared/in-flight.js';
import type { BodyLimits } from './body/body-result.js';
import { type NodeRequest, readNodeBody } from './body/read-node.js';
import { handleRequest } from './handle-request.js';
import { drainRequest } from './linger.js';
import { respond } from './respond.js';

/** Calls the app's next middleware, or its error middleware when there is an error. */
export type Next = (error?: unknown) => void;

export interface NodeAdapterParts {
  readonly pipeline: Pipeline;
  readonly inFlight: InFlight;
  readonly limits: BodyLimits;
  /** With `respond` this adapter responds to failures, with `next` the app's error middleware does. */
  readonly errors: 'respond' | 'next';
  readonly log: Log;
}

/** Serves requests of `node:http`, and so of Express. It uses nothing of Express itself. */
export class NodeAdapter {
  constructor(private readonly parts: NodeAdapterParts) {}

  /** Takes the request through the pipeline and responds. Never rejects. */
  serve(req: NodeRequest, res: ServerResponse, next?: Next): Promise<void> {
    return this.parts.inFlight.track(() => this.#serve(req, res, next));
  }

  async #serve(req: NodeRequest, res: ServerResponse, next: Next | undefined): Promise<void> {
    const { pipeline, inFlight, limits, errors, log } = this.parts;
    try {
      const { method, headers } = req;
      const readBody = () => readNodeBody(req, limits);
      const outcome = await handleRequest({ method, headers, readBody }, pipeline, inFlight);
      const isForNext = errors === 'next' && next !== undefined && !(outcome instanceof AcceptedOutcome);
      if (isForNext && (await forwardError(errorForNext(outcome), req, res, next))) return;
      respond(req, res, outcome.toResponse());
    } catch (err) {
      // The app's `next` may throw, which must neither end the process nor leave the sender without a response.
      log.write('error', { err }, 'the response could not be sent');
      respondOrClose(req, res);
    }
  }
}

/** Closes the connection when no complete response can be written, for example because other middleware broke it. */
function respondOrClose(req: IncomingMessage, res: ServerResponse): void {
  try {
    if (res.headersSent && !res.writableEnded) res.destroy();
    else respond(req, res, new RejectedOutcome('internal').toResponse());
  } catch {
    res.destroy();
  }
}

/** Leaves the response to the app's error middleware, and waits for it. Resolves to false where that is not possible. */
async function forwardError(error: Error, req: IncomingMessage, res: ServerResponse, next: Next): Promise<boolean> {
  // Express's own error handler reads a request to its end before it responds, so it gets no request that goes on.
  if (!req.complete && !(await drainRequest(req))) return false;
  // Other middleware has responded, such as one that limits the time of requests, or the sender is gone.
  if (res.headersSent || res.destroyed) return false;
  next(error);
  if (!res.writableFinished && !res.destroyed) await new Promise((resolve) => res.once('close', resolve));
  return true;
}
