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
 * The event that a handler of this selector gets: a union that narrows on `event`, of exactly the selected names. For a
 * misspelt name it is any event, so that the compiler reports the name only.
 */
export type SelectedEvent<P extends string, S extends SchemaMap> = CakemailEvent<
  [MatchedName<P>] extends [never] ? EventName : MatchedName<P>,
  S
>;

/** Takes a registration back. Calling it again does nothing. */
export type Unsubscribe = () => void;

/** Express middleware (or a plain Node request listener) that receives Cakemail webhooks. */
export interface WebhookRouter<S extends SchemaMap = Record<never, never>> {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;

  /**
   * Registers a handler for a name, a pattern or a list of them. All handlers of a delivery run side by side and are
   * awaited; one that throws or rejects makes the answer 500, and the delivery may then be sent, and run, again.
   * A name that Cakemail does not publish is reported as a warning, with the nearest one that it does, and the compiler
   * refuses it: `Argument of type '"User.LogedIn"' is not assignable to parameter of type '"Did you mean 'User.LoggedIn'?"'`.
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

  /** Takes a handler back, from `on` or `once`, for these names. */
  off<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): void;

  /** Registers a handler for every verified event, known or not. */
  onAny(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown): Unsubscribe;

  /** Registers a handler for verified events that no `on` or `once` handler matches. `delivery.known` tells whether Cakemail publishes the name. */
  onUnhandled(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown): Unsubscribe;

  /** Told of every handler's failure, one call each, also of those after the time limit. What it throws is logged. */
  onError(handler: (error: Error, delivery: Delivery) => unknown): Unsubscribe;

  /**
   * The published names that `on` and `once` handlers cover, a pattern by all names of its group: what to create webhooks
   * for. `onAny` and `onUnhandled` take what comes and add nothing.
   */
  subscribedEvents(): CatalogueName[];

  /** Every step of every delivery, for logs and metrics. */
  readonly events: LifecycleEmitter;

  /**
   * A listener for `http.createServer` that serves `path` itself and hands every other request to `app`, untouched.
   * It gives the same answers as the router mounted in Express, without what Express costs each request:
   *
   * ```ts
   * createServer(webhooks.inFrontOf(app, { path: '/webhooks/cakemail' })).listen(3000);
   * ```
   *
   * The app's middleware does not see these requests. With `errors: 'next'` the router answers failures all the same,
   * and says so when this is called.
   *
   * @throws {ConfigurationError} when `app` is no listener or `path` no path.
   */
  inFrontOf(app: NodeListener, options: InFrontOptions): NodeListener;

  /**
   * Answers a Fetch `Request`, for Hono, Next and other hosts that speak Fetch on Node. Needs no `this`, and rejects
   * for no request: `app.post('/webhooks/cakemail', (c) => webhooks.fetch(c.req.raw))`.
   */
  fetch(request: Request): Promise<Response>;

  /** The whole pipeline without HTTP, for serverless functions and tests. Never rejects for bad input. */
  receive(incoming: IncomingDelivery): Promise<Outcome>;

  /**
   * Works on what the inbox holds, in a process of its own or beside the server, until `close()`: for routers that were
   * created with `worker: false`. The handlers must be registered before.
   *
   * @throws {ConfigurationError} without an inbox, or when the router works already.
   */
  work(options?: { readonly concurrency?: number }): void;

  /**
   * Stops taking deliveries (they get 503) and waits for the running ones. Those that still run after `timeoutMs`
   * (default 10,000) have their `signal` aborted and are reported as failed; what is left then has one more second to be
   * answered. An inbox is closed last. Calling it again gives the same promise.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
