import { EventEmitter } from 'eventemitter3';
import type { Delivery } from '../delivery/delivery.js';
import type { RejectionReason } from '../delivery/outcome.js';
import type { DeadReason } from '../delivery/stored-delivery.js';
import type { Issue } from '../events/documented.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import type { ErrorSummary } from '../shared/error-text.js';
import type { HandlerError, WebhookErrorCode } from '../shared/errors.js';
import { runSafely } from '../shared/run-safely.js';

/** A delivery and its event. */
export interface DeliveryNotice {
  readonly event: AnyCakemailEvent;
  readonly delivery: Delivery;
}

/** The notices about every delivery, for logs and metrics. The error of a listener is logged, and does not affect the delivery. */
export interface LifecycleNotices {
  /** The body is complete, and nothing is verified yet. */
  received: { readonly bytes: number };
  /** The signature matches. `keys` are the indexes of the matching keys in the list, or among the different keys of the map. */
  verified: {
    readonly bytes: number;
    readonly keys: readonly number[];
    /** The ids of the matching keys that have one; see `NamedSecret`. */
    readonly ids?: readonly string[];
  };
  /** The request was rejected before any handler ran. The sender does not learn `reason`. */
  rejected: {
    readonly reason: RejectionReason;
    readonly code: WebhookErrorCode;
    readonly status: number;
    /** The name of the event, once it is verified. */
    readonly eventName: string | undefined;
    /** The underlying error, if there is one. */
    readonly cause: unknown;
  };
  /** The event deviates from what Cakemail publishes, or from your schema under `'deliver'`, and is still delivered. */
  drift: DeliveryNotice & { readonly issues: readonly Issue[] };
  /** Every handler succeeded. */
  handled: DeliveryNotice & { readonly durationMs: number };
  /** No `on` handler matched. */
  unhandled: DeliveryNotice & { readonly durationMs: number };
  /** At least one handler failed. The delivery will run again when it is sent again. */
  failed: DeliveryNotice & { readonly error: HandlerError; readonly durationMs: number };
  /** A handler failed after its time limit, when the delivery already counted as failed. */
  late: DeliveryNotice & { readonly error: Error };
  /** The inbox stored the delivery. Its handlers run later. */
  stored: DeliveryNotice;
  /** The delivery became a dead letter for this `reason`. The inbox keeps it, and does not try it again. */
  dead: {
    readonly id: string;
    readonly eventName: string;
    readonly reason: DeadReason;
    /**
     * The error of the last attempt. When it ran in this process, it is a {@link HandlerError}, or a `WebhookError` if your
     * schema refused the event. Otherwise it is only a name and a message.
     */
    readonly error: Error | ErrorSummary;
  };
  /** The delivery was received before. `joined` is true when it shares the outcome of one that was still running. */
  duplicate: DeliveryNotice & { readonly joined: boolean };
}

/** The notices in the form that eventemitter3 expects: `lifecycle.on('handled', ({ durationMs }) => …)`. */
export type LifecycleEvents = {
  [N in keyof LifecycleNotices]: (notice: LifecycleNotices[N]) => void;
};

/** The type of `webhooks.lifecycle`: a typed eventemitter3. */
export type LifecycleEmitter = EventEmitter<LifecycleEvents, unknown>;

/** Creates the emitter of a router. `report` is called with the errors of its listeners. */
export function createLifecycle(report: (error: Error) => void): LifecycleEmitter {
  return new GuardedEmitter(report) as LifecycleEmitter;
}

/** Calls the listeners of a notice. */
export function emitNotice<N extends keyof LifecycleNotices>(
  lifecycle: LifecycleEmitter,
  name: N,
  notice: LifecycleNotices[N],
): void {
  (lifecycle as unknown as EventEmitter).emit(name, notice);
}

type Listener = (...args: unknown[]) => unknown;

/**
 * In eventemitter3 a listener that throws prevents the later ones from running, and one that rejects ends the process. This
 * class wraps every listener when it is added, and finds the wrapper when the listener is removed.
 */
class GuardedEmitter extends EventEmitter {
  readonly #guarded = new WeakMap<Listener, Listener>();

  constructor(private readonly report: (error: Error) => void) {
    super();
  }

  override on(name: string | symbol, listener: Listener, context?: unknown): this {
    return super.on(name, this.#guard(listener), context);
  }

  override once(name: string | symbol, listener: Listener, context?: unknown): this {
    return super.once(name, this.#guard(listener), context);
  }

  override off(name: string | symbol, listener?: Listener, context?: unknown, once?: boolean): this {
    return super.off(name, listener && this.#guard(listener), context, once);
  }

  override addListener(name: string | symbol, listener: Listener, context?: unknown): this {
    return this.on(name, listener, context);
  }

  override removeListener(name: string | symbol, listener?: Listener, context?: unknown, once?: boolean): this {
    return this.off(name, listener, context, once);
  }

  #guard(listener: Listener): Listener {
    const known = this.#guarded.get(listener);
    if (known !== undefined || typeof listener !== 'function') return known ?? listener;
    const { report } = this;
    function guarded(this: unknown, ...args: unknown[]): void {
      runSafely(() => listener.apply(this, args), report);
    }
    this.#guarded.set(listener, guarded);
    this.#guarded.set(guarded, guarded); // eventemitter3 removes a `once` listener by its wrapper
    return guarded;
  }
}
