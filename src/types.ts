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
 * The event that a handler of this selector receives: a union of exactly the selected names that narrows on `event`. For a
 * misspelt name it is any event, so that the compiler reports only the name.
 */
export type SelectedEvent<P extends string, S extends SchemaMap> = CakemailEvent<
  [MatchedName<P>] extends [never] ? EventName : MatchedName<P>,
  S
>;

/** Removes the handler. Further calls do nothing. */
export type Unsubscribe = () => void;

/** A listener for `http.createServer`: an Express app, or any function of a request and a response. */
export type NodeListener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** Options of `inFrontOf`. */
export interface InFrontOptions {
  /**
   * The path to serve, such as `'/webhooks/cakemail'`. As for `app.post(path)`, neither case nor a slash at the end nor
   * the query nor a fragment matters, and what lies below the path is the app's.
   */
  readonly path: string;
}

/** A delivery that was verified before. */
export interface VerifiedInput {
  /** The body as it was signed; text counts as UTF-8. Never the parsed object. */
  readonly rawBody: Uint8Array | string;
  /** Default: none. */
  readonly headers?: HeadersInput;
}

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
    options?: HandlerOptions,
  ): Unsubscribe;

  /** Removes a handler that `on` registered, for these names. */
  off<const P extends string>(
    name: CheckedNames<P> | (P & EventSelector),
    handler: (event: SelectedEvent<P, S>, delivery: Delivery) => unknown,
  ): void;

  /** Registers a handler for every verified event, known or not. */
  onAny(handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown, options?: HandlerOptions): Unsubscribe;

  /** Registers a handler for verified events that no `on` handler matches. `delivery.known` tells whether Cakemail publishes the name. */
  onUnhandled(
    handler: (event: AnyCakemailEvent<S>, delivery: Delivery) => unknown,
    options?: HandlerOptions,
  ): Unsubscribe;

  /** Calls `handler` once per failed handler, also after the time limit. An error that it throws is logged. */
  onError(handler: (error: Error, delivery: Delivery) => unknown): Unsubscribe;

  /**
   * The published names that the handlers of `on` cover, a pattern by all names of its group: the events to create webhooks
   * for. `onAny` and `onUnhandled` add nothing.
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

  /** The whole pipeline without HTTP, for serverless functions and tests. Never rejects. */
  receive(incoming: IncomingDelivery): Promise<Outcome>;

  /**
   * The pipeline after verification, for deliveries that something trusted has verified before, such as a gateway in front
   * of a queue. **It accepts any body as authentic, so never pass it a request from the network.** Parsing, schemas, the
   * inbox and dedupe work as in `receive()`; `maxAgeMs` is not applied, because a queue may hold deliveries for long. Never
   * rejects.
   */
  handleVerified(delivery: VerifiedInput): Promise<Outcome>;

  /**
   * Works on what the inbox holds, in a process of its own or beside the server, until `close()`: for routers that were
   * created with `worker: false`. The handlers must be registered before.
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
