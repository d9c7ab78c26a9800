import type { VerifiedDelivery } from '../delivery/delivery.js';
import { type AcceptedOutcome, type FailedOutcome, RejectedOutcome } from '../delivery/outcome.js';
import { findDrift, type Issue } from '../events/documented.js';
import type { AnyCakemailEvent } from '../events/event-types.js';
import type { ParsedEvent } from '../events/parse.js';
import { checkData, SchemaIssuesError } from '../events/schemas.js';
import type { LifecycleEmitter } from '../instrumentation/lifecycle.js';
import type { Settings } from '../options.js';
import { attempt, type MaybePromise, within } from '../shared/promises.js';
import type { Settled } from './completed.js';
import type { Dispatcher } from './dispatcher.js';

/** An event that may go to its handlers. */
export interface CheckedEvent {
  readonly event: AnyCakemailEvent;
  /** The event's name as it was verified. Listeners and handlers may change `event` itself. */
  readonly name: string;
  /** Where it deviates from what is published, or from the user's schema. */
  readonly drift: readonly Issue[];
}

export type Executed = AcceptedOutcome | FailedOutcome | RejectedOutcome;

/** From a parsed event to its handlers: the user's schema, then dispatch. */
export class Handling {
  constructor(
    private readonly settings: Settings,
    private readonly events: LifecycleEmitter,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Looks at `data` with the user's schema, and at the whole event with what Cakemail publishes. */
  check(parsed: ParsedEvent): MaybePromise<CheckedEvent | RejectedOutcome> {
    const { schemas, timeouts, rejectMismatch } = this.settings;
    const event = parsed as unknown as AnyCakemailEvent;
    const drift = findDrift(parsed);
    const schema = schemas.get(parsed.event);
    const name = parsed.event;
    if (schema === undefined) return { event, name, drift };

    const overdue = (): Error => new Error(`The schema did not finish within ${timeouts.handler} ms`);
    return attempt(
      () => within(timeouts.handler, checkData(schema, parsed.data), overdue),
      (verdict) => {
        if ('data' in verdict) return { event: Object.assign(event, { data: verdict.data }), name, drift };
        if (!rejectMismatch) return { event, name, drift: [...drift, ...verdict.issues] };
        const cause = new SchemaIssuesError(verdict.issues);
        return new RejectedOutcome('schema_mismatch', { eventName: parsed.event, cause });
      },
      (cause) => new RejectedOutcome('schema_failed', { eventName: parsed.event, cause }),
    );
  }

  /** Runs the handlers. `settled` are those that need not run any more; those that succeed are added. */
  execute({ event, name, drift }: CheckedEvent, delivery: VerifiedDelivery, settled?: Settled): MaybePromise<Executed> {
    if (this.dispatcher.gaveUp) return new RejectedOutcome('closing', { eventName: name });
    if (drift.length > 0) this.events.emit('drift', { event, delivery, issues: drift });
    return this.dispatcher.dispatch(event, delivery, settled, name);
  }
}
