import type { IncomingMessage, ServerResponse } from 'node:http';
import { AcceptedOutcome, errorForNext, type Outcome, RejectedOutcome, replyWithDetail } from '../delivery/outcome.js';
import type { Settings } from '../options.js';
import type { Receiver } from '../pipeline.js';
import type { Drain } from '../shared/in-flight.js';
import type { MaybePromise } from '../shared/promises.js';
import { captureBody } from './body/capture.js';
import type { CapturableRequest } from './body/captured-body.js';
import { takeIn } from './handle-request.js';
import { discardRest } from './linger.js';
import { respond } from './respond.js';

/** Goes on to the app's next middleware, or with an error to its error middleware. */
export type Next = (error?: unknown) => void;

/** Serves requests of `node:http`, and so of Express, of which it uses nothing. */
export class NodeFace {
  constructor(
    private readonly settings: Settings,
    private readonly receiver: Receiver,
    private readonly drain: Drain,
  ) {}

  /** Takes the request through the pipeline and answers it. Neither throws nor rejects. */
  async serve(req: CapturableRequest, res: ServerResponse, next?: Next): Promise<void> {
    this.drain.enter();
    try {
      const outcome = await this.#takeIn(req);
      const error =
        this.settings.errors === 'next' && !(outcome instanceof AcceptedOutcome) ? errorForNext(outcome) : undefined;
      if (error !== undefined && next !== undefined && (await handOver(error, req, res, next))) return;
      respond(req, res, this.settings.exposeErrors ? replyWithDetail(outcome) : outcome.toResponse());
    } catch (err) {
      // What the app's `next` throws, for one, must neither end the process nor leave the sender without an answer.
      this.settings.log.write('error', { err }, 'the answer could not be given');
      respond(req, res, new RejectedOutcome('internal').toResponse());
    } finally {
      this.drain.leave();
    }
  }

  #takeIn(req: CapturableRequest): MaybePromise<Outcome> {
    const { method, headers } = req;
    const capture = () => captureBody(req, this.settings.body);
    return takeIn({ method, headers, capture }, this.receiver, this.drain);
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
