import type { IncomingMessage, ServerResponse } from 'node:http';
import { AcceptedOutcome, errorForNext, RejectedOutcome } from '../delivery/outcome.js';
import type { Settings } from '../options.js';
import type { Pipeline } from '../pipeline.js';
import type { InFlight } from '../shared/in-flight.js';
import { type NodeRequest, readNodeBody } from './body/read-node.js';
import { handleRequest } from './handle-request.js';
import { discardRest } from './linger.js';
import { respond } from './respond.js';

/** Goes on to the app's next middleware, or with an error to its error middleware. */
export type Next = (error?: unknown) => void;

/** Serves requests of `node:http`, and so of Express, of which it uses nothing. */
export class NodeFace {
  constructor(
    private readonly settings: Settings,
    private readonly pipeline: Pipeline,
    private readonly inFlight: InFlight,
  ) {}

  /** Takes the request through the pipeline and responds. Never rejects. */
  serve(req: NodeRequest, res: ServerResponse, next?: Next): Promise<void> {
    return this.inFlight.track(async () => {
      try {
        const { method, headers } = req;
        const readBody = () => readNodeBody(req, this.settings.body);
        const outcome = await handleRequest({ method, headers, readBody }, this.pipeline, this.inFlight);
        const error =
          this.settings.errors === 'next' && !(outcome instanceof AcceptedOutcome) ? errorForNext(outcome) : undefined;
        if (error !== undefined && next !== undefined && (await handOver(error, req, res, next))) return;
        respond(req, res, outcome.toResponse());
      } catch (err) {
        // The app's `next` may throw, which must neither end the process nor leave the sender without a response.
        this.settings.log.write('error', { err }, 'the answer could not be given');
        respond(req, res, new RejectedOutcome('internal').toResponse());
      }
    });
  }
}

/** Leaves a failure to the app's error middleware. Resolves to whether that could be. */
async function handOver(error: Error, req: IncomingMessage, res: ServerResponse, next: Next): Promise<boolean> {
  // Express's own error handler reads a request to its end before it answers: one that goes on is not for it.
  if (!req.complete && !(await discardRest(req))) return false;
  // Somebody else answered (a request time limit, say), or nobody is there any more.
  if (res.headersSent || res.destroyed) return false;
  next(error);
  // The app may take its time; close() waits for that too.
  if (!res.writableFinished && !res.destroyed) await new Promise((resolve) => res.once('close', resolve));
  return true;
}
