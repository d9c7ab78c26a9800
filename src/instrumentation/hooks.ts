import type { Delivery } from '../delivery/delivery.js';
import type { Outcome, RejectedOutcome } from '../delivery/outcome.js';
import type { RouterInbox } from '../delivery/stored-delivery.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import type { KeyedHandler } from '../handlers/registry.js';
import type { HeadersInput } from '../shared/headers.js';
import type { MaybePromise } from '../shared/promises.js';
import type { KeyRing } from '../signature/key-ring.js';
import type { Tap } from './lifecycle.js';

type Handler = (event: AnyCakemailEvent, delivery: Delivery) => unknown;
type Watched = Pick<KeyedHandler<Handler>, 'handler' | 'subjects'>;

/** Is told what becomes of one request. */
export interface Following {
  /** It is authentic, and this delivery was made of it. */
  verified(delivery: Delivery, event: string): void;
  answered(outcome: Outcome): void;
}

/** Looks on from beside, closer than the notices do: what an inspector is made of. */
export interface Observer {
  /** A whole request is here; nothing is verified yet. */
  arrived(rawBody: () => Buffer, headers: HeadersInput): Following;
  /** A request was refused without its body. */
  turnedAway(outcome: RejectedOutcome): void;
  /** A handler is about to be called for a delivery of this event: gives what to call in its place. */
  watch(handler: Watched, event: string, delivery: Delivery): Handler;
}

/** What an inspector may do with a router that nobody else may. */
export interface RouterInside {
  readonly inbox: RouterInbox | undefined;
  readonly headerNames: readonly string[];
  /** The keys; undefined when verification is switched off. */
  keys(): MaybePromise<KeyRing> | undefined;
  /** Returns the function that ends it. */
  observe(observer: Observer): () => void;
  /** Tells of every notice, and is no listener: whether somebody listens makes a difference. */
  tap(tap: Tap): () => void;
  /** Told what an observer's own code throws later. */
  report(error: unknown): void;
  /** Runs the handlers for bytes that were verified before, whether or not they ran already. */
  rerun(rawBody: Buffer, headers: HeadersInput, following: Following): Promise<Outcome>;
}

/** Registered with the runtime, because a program may have this package twice: as ES module and as CommonJS. */
export const INSIDE = Symbol.for('cakemail-webhooks.inside');

/** Everybody who looks on. What they throw changes nothing for the delivery. */
export class Observers {
  #all: readonly Observer[] = [];

  constructor(readonly report: (error: unknown) => void) {}

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  add(observer: Observer): () => void {
    this.#all = [...this.#all, observer];
    return () => {
      this.#all = this.#all.filter((other) => other !== observer);
    };
  }

  arrived(rawBody: () => Buffer, headers: HeadersInput): Following {
    const told = this.#all.map((observer) => this.#contain(() => observer.arrived(rawBody, headers)));
    return {
      verified: (delivery, event) => {
        for (const following of told) this.#contain(() => following?.verified(delivery, event));
      },
      answered: (outcome) => {
        for (const following of told) this.#contain(() => following?.answered(outcome));
      },
    };
  }

  turnedAway(outcome: RejectedOutcome): void {
    for (const observer of this.#all) this.#contain(() => observer.turnedAway(outcome));
  }

  watch({ handler: original, subjects }: Watched, event: string, delivery: Delivery): Handler {
    return this.#all.reduce(
      (handler, observer) => this.#contain(() => observer.watch({ handler, subjects }, event, delivery)) ?? handler,
      original,
    );
  }

  #contain<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (thrown) {
      this.report(thrown);
      return undefined;
    }
  }
}
