import { EventEmitter } from 'eventemitter3';
import type { Delivery } from '../delivery/delivery.js';
import type { RejectionReason } from '../delivery/outcome.js';
import type { DeadReason } from '../delivery/stored-delivery.js';
import type { Issue } from '../events/documented.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import type { ErrorSummary, HandlerError, WebhookErrorCode } from '../shared/errors.js';
import { contain } from '../shared/run-safely.js';

/** A delivery and its event, at one step. */
export interface DeliveryNotice {
  readonly event: AnyCakemailEvent;
  readonly delivery: Delivery;
}

/** Every step of a delivery, for logs and metrics. A listener may throw: that changes nothing for the delivery. */
export interface LifecycleNotices {
  /** The bytes are here; nothing is verified yet. */
  received: { readonly bytes: number };
  /** The signature holds. `keys` tells under which keys: their indexes in the list given, or among a map's different keys. */
  verified: {
    readonly bytes: number;
    readonly keys: readonly number[];
    /** The names of those that have one: see `NamedSecret`. */
    readonly ids?: readonly string[];
  };
  /** Refused before any handler ran. `reason` is for you: the sender is not told it. */
  rejected: {
    readonly reason: RejectionReason;
    readonly code: WebhookErrorCode;
    readonly status: number;
    /** The name of the event, once it is verified. */
    readonly eventName: string | undefined;
    /** What lies behind it, if anything does. */
    readonly cause: unknown;
  };
  /** It deviates from what Cakemail publishes, or from your schema under `'deliver'`; it is delivered all the same. */
  drift: DeliveryNotice & { readonly issues: readonly Issue[] };
  /** Every handler succeeded. */
  handled: DeliveryNotice & { readonly durationMs: number };
  /** No `on` or `once` handler matched. */
  unhandled: DeliveryNotice & { readonly durationMs: number };
  /** At least one handler failed; it will run again when it is sent again. */
  failed: DeliveryNotice & { readonly error: HandlerError; readonly durationMs: number };
  /** A handler failed after its time was up and the answer was given. */
  late: DeliveryNotice & { readonly error: Error };
  /** The inbox keeps it; its handlers run later. */
  stored: DeliveryNotice;
  /** The inbox will not try it again: see `reason`. It is kept as a dead letter. */
  dead: {
    readonly id: string;
    readonly eventName: string;
    readonly reason: DeadReason;
    /**
     * The failure of the last attempt, when it ran in this process: a {@link HandlerError} whose `errors` are the ones that
     * the handlers threw, or a `WebhookError` when your schema refused the event. Otherwise only its name and message.
     */
    readonly error: Error | ErrorSummary;
  };
  /** It was there before. `joined` tells that the first was still running and its outcome was shared. */
  duplicate: DeliveryNotice & { readonly joined: boolean };
}

/** The notices as eventemitter3 types them: `events.on('handled', ({ durationMs }) => …)`. */
export type LifecycleEvents = {
  [N in keyof LifecycleNotices]: (notice: LifecycleNotices[N]) => void;
};

/** `webhooks.events`: a typed eventemitter3. */
export type LifecycleEmitter = EventEmitter<LifecycleEvents, unknown>;

/** Sees every notice, whatever listeners come and go, and is not counted among them. */
export type Tap = <N extends keyof LifecycleNotices>(name: N, notice: LifecycleNotices[N]) => void;

/** The emitter of one router. `report` is told what its listeners throw. */
export function createLifecycle(report: (error: Error) => void, tap?: Tap): LifecycleEmitter {
  return new ContainedEmitter(report, tap) as LifecycleEmitter;
}

/** Adds a tap; the returned function takes it away. */
export function tapInto(events: LifecycleEmitter, tap: Tap): () => void {
  return ContainedEmitter.tap(events as ContainedEmitter, tap);
}

type AnyListener = (...args: unknown[]) => unknown;

/**
 * eventemitter3 lets a throwing listener skip the later ones and an async one end the process. Here every listener is
 * wrapped when it is added, and found again when it is taken off.
 */
class ContainedEmitter extends EventEmitter {
  readonly #wrapped = new WeakMap<AnyListener, AnyListener>();
  #taps: readonly Tap[];

  constructor(
    private readonly report: (error: Error) => void,
    tap: Tap | undefined,
  ) {
    super();
    this.#taps = tap === undefined ? [] : [tap];
  }

  /** Static, so that nobody finds it on `webhooks.events`. */
  static tap(emitter: ContainedEmitter, tap: Tap): () => void {
    emitter.#taps = [...emitter.#taps, tap];
    return () => {
      emitter.#taps = emitter.#taps.filter((other) => other !== tap);
    };
  }

  override emit(name: string | symbol, notice?: unknown): boolean {
    // A handler may have changed the event into something that makes no line.
    for (const tap of this.#taps) contain(() => tap(name as keyof LifecycleNotices, notice as never), this.report);
    return super.emit(name, notice);
  }

  override on(name: string | symbol, listener: AnyListener, context?: unknown): this {
    return super.on(name, this.#wrap(listener), context);
  }

  override once(name: string | symbol, listener: AnyListener, context?: unknown): this {
    return super.once(name, this.#wrap(listener), context);
  }

  override addListener(name: string | symbol, listener: AnyListener, context?: unknown): this {
    return this.on(name, listener, context);
  }

  override off(name: string | symbol, listener?: AnyListener, context?: unknown, once?: boolean): this {
    return super.off(name, listener && this.#wrap(listener), context, once);
  }

  override removeListener(name: string | symbol, listener?: AnyListener, context?: unknown, once?: boolean): this {
    return this.off(name, listener, context, once);
  }

  #wrap(listener: AnyListener): AnyListener {
    if (typeof listener !== 'function') return listener; // eventemitter3 refuses it in its own words
    let wrapped = this.#wrapped.get(listener);
    if (wrapped === undefined) {
      const { report } = this;
      wrapped = function (this: unknown, ...args: unknown[]) {
        contain(() => listener.apply(this, args), report);
      };
      this.#wrapped.set(listener, wrapped);
      // eventemitter3 takes a `once` listener off by what it finds in its list, which is the wrapper.
      this.#wrapped.set(wrapped, wrapped);
    }
    return wrapped;
  }
}
