import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Delivery } from './delivery/delivery.js';
import type { Outcome } from './delivery/outcome.js';
import type { CatalogueName } from './events/catalogue.js';
import type {
  AnyCakemailEvent,
  CakemailEvent,
  CheckedNames,
  EventName,
  EventSelector,
  MatchedName,
  SchemaMap,
} from './events/event-types.js';
import type { InFrontOptions, NodeListener } from './http/in-front.js';
import type { LifecycleEmitter } from './instrumentation/lifecycle.js';
import type { IncomingDelivery } from './pipeline.js';

/**
 * The event that a handler of this selector receives: a union of exactly the selected names that narrows on `event`. For a
 * misspelt name it is any event, so that the compiler reports only the name.
 */
export type SelectedEvent<P extends string, S extends SchemaMap> = CakemailEvent<
  [MatchedName<P>] extends [never] ? EventName : MatchedName<P>,
  S
>;

/** Removes the handler. Further calls do nothing. */
export type Unsubscribe = () => void;

/** Express middleware (or a plain Node request listener) that receives Cakemail webhooks. */
export interface WebhookRouter<S extends SchemaMap = Record<never, never>> {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;

  /**
   * Registers a handler for a name, a pattern or a list of them. The handlers of a delivery run concurrently and are awaited.
   * When one throws or rejects, the answer is 500, and the delivery may be sent and run again.
   * For a name that Cakemail does not publish a warning names the closest published one, and the compiler refuses it:
   * `Argument of type '"User.LogedIn"' is not assignable to parameter of type '"Did you mean 'User.LoggedIn'?"'`.
   */
  on<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): Unsubscribe;

  /** As `on`, for the first matching delivery only. It is spent when it is called, even if it then fails. */
  once<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): Unsubscribe;

  /** Removes a handler of `on` or `once` for these names. */
  off<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): void;

  /** Registers a handler for every verified event, published or not. */
  onAny(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown): Unsubscribe;

  /** Registers a handler for verified events that no `on` or `once` handler matches. `delivery.known` is true for a published name. */
  onUnhandled(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown): Unsubscribe;

  /** Calls `handler` once per failed handler, also after the time limit. An error that it throws is logged. */
  onError(handler: (error: Error, delivery: Delivery) => unknown): Unsubscribe;

  /**
   * Returns the published names that `on` and `once` handlers cover, with every name of a pattern's group. Create webhooks
   * for these. `onAny` and `onUnhandled` add no names.
   */
  subscribedEvents(): CatalogueName[];

  /** Reports every step of every delivery, for logs and metrics. */
  readonly lifecycle: LifecycleEmitter;

  /**
   * Returns a listener for `http.createServer` that serves `path` itself and passes every other request to `app` unchanged.
   * Its answers are the same as those of the router mounted in Express, without the cost of Express per request:
   *
   * ```ts
   * createServer(webhooks.inFrontOf(app, { path: '/webhooks/cakemail' })).listen(3000);
   * ```
   *
   * The app's middleware does not see these requests. With `errors: 'next'` the router still answers failures itself, and
   * warns of that when this method is called.
   *
   * @throws {ConfigurationError} when `app` is not a listener or `path` is not a path.
   */
  inFrontOf(app: NodeListener, options: InFrontOptions): NodeListener;

  /**
   * Answers a Fetch `Request`, for Hono, Next and other hosts that use Fetch on Node. It does not use `this` and never
   * rejects: `app.post('/webhooks/cakemail', (c) => webhooks.fetch(c.req.raw))`.
   */
  fetch(request: Request): Promise<Response>;

  /** Runs the pipeline without HTTP, for serverless functions and tests. Never rejects for bad input. */
  receive(incoming: IncomingDelivery): Promise<Outcome>;

  /**
   * Starts the worker of the inbox, for a router created with `worker: false`. It handles stored deliveries until `close()`,
   * in the server's process or in another one. Register the handlers before.
   *
   * @throws {ConfigurationError} without an inbox, or when a worker already runs.
   */
  work(options?: { readonly concurrency?: number }): void;

  /**
   * Refuses new deliveries with 503 and waits for the running ones. After `timeoutMs` (default 10,000) it aborts the
   * `signal` of those that still run, reports them as failed, and waits one more second for their answers. An inbox is
   * closed last. Further calls return the same promise.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
