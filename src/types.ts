import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Delivery, IncomingDelivery } from './delivery/delivery.js';
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
import type { HandlerOptions } from './handlers/registrations.js';
import type { LifecycleEmitter } from './instrumentation/lifecycle.js';
import type { HeadersInput } from './shared/headers.js';

/**
 * The event of a handler with this selector: a union of exactly the selected names that narrows on `event`. For a misspelt
 * name it is any event, so that the compiler reports only the name.
 */
export type SelectedEvent<P extends string, S extends SchemaMap> = CakemailEvent<
  [MatchedName<P>] extends [never] ? EventName : MatchedName<P>,
  S
>;

/** Removes the handler. Further calls do nothing. */
export type Unsubscribe = () => void;

/** A listener for `http.createServer`, such as an Express app. */
export type NodeListener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** Options of `inFrontOf`. */
export interface InFrontOptions {
  /**
   * The path to serve, such as `'/webhooks/cakemail'`. As with `app.post(path)`, case, a trailing slash, the query and the
   * fragment are ignored, and requests for longer paths go to the app.
   */
  readonly path: string;
}

/** The input of `handleVerified()`: a delivery that was verified before. */
export interface VerifiedInput {
  /** The body as it was signed, never the parsed object. Text is encoded as UTF-8. */
  readonly rawBody: Uint8Array | string;
  /** Default: no headers. */
  readonly headers?: HeadersInput;
}

/** Express middleware, or a plain Node request listener, that receives Cakemail webhooks. */
export interface WebhookRouter<S extends SchemaMap = Record<never, never>> {
  (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void;

  /**
   * Registers a handler for a name, a pattern or a list of them. The handlers of a delivery run concurrently and are awaited.
   * When one throws or rejects, the response is 500, and the handlers run again when the delivery is sent again.
   * For a name that Cakemail does not publish, a warning names the closest published one, and the compiler reports:
   * `Argument of type '"User.LogedIn"' is not assignable to parameter of type '"Did you mean 'User.LoggedIn'?"'`.
   */
  on<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
    options?: HandlerOptions,
  ): Unsubscribe;

  /** Removes a handler that `on` registered, for these names. */
  off<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): void;

  /** Registers a handler for every verified event, known or not. */
  onAny(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown, options?: HandlerOptions): Unsubscribe;

  /** Registers a handler for verified events that no `on` handler matches. `delivery.known` is true for a published name. */
  onUnhandled(
    handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown,
    options?: HandlerOptions,
  ): Unsubscribe;

  /** Registers a function that is called for every failure of a handler, also after the time limit. Its own errors are logged. */
  onError(handler: (error: Error, delivery: Delivery) => unknown): Unsubscribe;

  /**
   * Returns the published names that the handlers of `on` cover, including all names of a pattern's group. These are the
   * events to create webhooks for. `onAny` and `onUnhandled` add no names.
   */
  subscribedEvents(): CatalogueName[];

  /** Emits a notice for every step of every delivery, for logs and metrics. */
  readonly lifecycle: LifecycleEmitter;

  /**
   * Returns a listener for `http.createServer` that serves `path` itself and passes every other request to `app` unchanged.
   * Its responses equal those of a mounted router, without the cost of Express per request:
   *
   * ```ts
   * createServer(webhooks.inFrontOf(app, { path: '/webhooks/cakemail' })).listen(3000);
   * ```
   *
   * The app's middleware does not see these requests. With `errors: 'next'` the router still responds to failures itself, and
   * this method warns about it.
   *
   * @throws {ConfigurationError} when `app` is not a listener or `path` is not a path.
   */
  inFrontOf(app: NodeListener, options: InFrontOptions): NodeListener;

  /**
   * Responds to a Fetch `Request`, for Hono, Next and other hosts that use Fetch on Node. It does not use `this` and never
   * rejects: `app.post('/webhooks/cakemail', (c) => webhooks.fetch(c.req.raw))`.
   */
  fetch(request: Request): Promise<Response>;

  /** Processes a request without HTTP, for serverless functions and tests. Never rejects. */
  receive(incoming: IncomingDelivery): Promise<Outcome>;

  /**
   * Processes a delivery that a trusted party, such as a gateway in front of a queue, has verified before. **It accepts any
   * body as authentic, so never pass it a request from the network.** Parsing, schemas, the inbox and dedupe work as in
   * `receive()`. `maxAgeMs` is not applied, because a delivery may stay in a queue for a long time. Never rejects.
   */
  handleVerified(delivery: VerifiedInput): Promise<Outcome>;

  /**
   * Starts the worker of the inbox, which runs until `close()`. Use it for routers that were created with `worker: false`, in
   * the process of the server or in another one. Register the handlers first.
   *
   * @throws {ConfigurationError} without an inbox, or when a worker already runs.
   */
  work(options?: { readonly concurrency?: number }): void;

  /**
   * Rejects new deliveries with 503 and waits for the running ones. After `timeoutMs` (default 10,000) it aborts the
   * `signal` of those that still run, reports them as failed, and waits one more second for their responses. An inbox is
   * closed last. Further calls return the same promise.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
