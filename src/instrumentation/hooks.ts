import type { Delivery } from '../delivery/delivery.js';
import type { Outcome } from '../delivery/outcome.js';
import { toError } from '../shared/error-text.js';
import type { HeadersInput } from '../shared/headers.js';
import type { LifecycleNotices } from './lifecycle.js';

/** A request whose body is complete. The same object is passed to every hook about it. */
export interface ReceivedRequest {
  readonly headers: HeadersInput;
  /** The exact bytes of the body. */
  readonly rawBody: Buffer;
}

/** One handler that runs for one delivery. The same object is passed to both hooks about it. */
export interface HandlerCall {
  /** The handler's `id`, its function name, or what it was registered for. */
  readonly handler: string;
  readonly delivery: Delivery;
}

/** Receives what happens to requests and deliveries. A subscriber implements the hooks that it needs. */
export interface Subscriber {
  /** A notice of `lifecycle`. */
  notified?<N extends keyof LifecycleNotices>(name: N, notice: LifecycleNotices[N]): void;
  /** The body is complete, and nothing is verified yet. */
  requestReceived?(request: ReceivedRequest): void;
  /** The request is authentic, and carries this delivery. */
  requestVerified?(request: ReceivedRequest, delivery: Delivery): void;
  /** The request has an outcome. `request` is undefined when it was rejected before it was received. */
  requestEnded?(request: ReceivedRequest | undefined, outcome: Outcome): void;
  handlerStarted?(call: HandlerCall): void;
  /** `error` is undefined when the handler succeeded. A handler may end after its time limit. */
  handlerEnded?(call: HandlerCall, error: Error | undefined): void;
}

/** The one place where the router reports what happens. The logger, `lifecycle` and the inspector subscribe. */
export class Hooks {
  #subscribers: readonly Subscriber[] = [];
  #followsHandlers = false;
  #followsRequests = false;

  /** `report` is called with the error that a subscriber throws, and must not throw. */
  constructor(private readonly report: (error: Error) => void) {}

  /** Adds a subscriber, and returns a function that removes it. */
  subscribe(subscriber: Subscriber): () => void {
    this.#replace([...this.#subscribers, subscriber]);
    return () => this.#replace(this.#subscribers.filter((other) => other !== subscriber));
  }

  /** True when a subscriber follows single handlers. */
  get followsHandlers(): boolean {
    return this.#followsHandlers;
  }

  notify<N extends keyof LifecycleNotices>(name: N, notice: LifecycleNotices[N]): void {
    this.#call((subscriber) => subscriber.notified?.(name, notice));
  }

  requestReceived(request: ReceivedRequest): void {
    if (this.#followsRequests) this.#call((subscriber) => subscriber.requestReceived?.(request));
  }

  requestVerified(request: ReceivedRequest, delivery: Delivery): void {
    if (this.#followsRequests) this.#call((subscriber) => subscriber.requestVerified?.(request, delivery));
  }

  requestEnded(request: ReceivedRequest | undefined, outcome: Outcome): void {
    if (this.#followsRequests) this.#call((subscriber) => subscriber.requestEnded?.(request, outcome));
  }

  handlerStarted(call: HandlerCall): void {
    this.#call((subscriber) => subscriber.handlerStarted?.(call));
  }

  handlerEnded(call: HandlerCall, error?: Error): void {
    this.#call((subscriber) => subscriber.handlerEnded?.(call, error));
  }

  #replace(subscribers: readonly Subscriber[]): void {
    this.#subscribers = subscribers;
    this.#followsHandlers = subscribers.some(({ handlerStarted, handlerEnded }) => handlerStarted ?? handlerEnded);
    this.#followsRequests = subscribers.some(
      ({ requestReceived, requestVerified, requestEnded }) => requestReceived ?? requestVerified ?? requestEnded,
    );
  }

  #call(hook: (subscriber: Subscriber) => void): void {
    for (const subscriber of this.#subscribers) {
      try {
        hook(subscriber);
      } catch (thrown) {
        this.report(toError(thrown));
      }
    }
  }
}
