import type { VerifiedDelivery } from './delivery.js';
import type { Dispatcher } from './dispatch/dispatcher.js';
import type { Settled } from './dispatch/settled.js';
import { findDrift, type Issue } from './events/documented.js';
import type { ParsedEvent } from './events/parse.js';
import { checkData, SchemaMismatch } from './events/schemas.js';
import type { AnyCakemailEvent } from './events/types.js';
import type { LifecycleEmitter } from './lifecycle.js';
import type { Settings } from './options.js';
import { type AcceptedOutcome, type FailedOutcome, RejectedOutcome } from './outcome.js';
import { attempt, type MaybePromise, within } from './time.js';

/** An event that may go to its handlers. */
export interface CheckedEvent {
  readonly event: AnyCakemailEvent;
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
    if (schema === undefined) return { event, drift };

    const overdue = (): Error => new Error(`The schema did not finish within ${timeouts.handler} ms`);
    return attempt(
      () => within(timeouts.handler, checkData(schema, parsed.data), overdue),
      (verdict) => {
        if ('data' in verdict) return { event: Object.assign(event, { data: verdict.data }), drift };
        if (!rejectMismatch) return { event, drift: [...drift, ...verdict.issues] };
        const cause = new SchemaMismatch(verdict.issues);
        return new RejectedOutcome('schema_mismatch', { event: parsed.event, cause });
      },
      (cause) => new RejectedOutcome('schema_failed', { event: parsed.event, cause }),
    );
  }

  /** Runs the handlers. `settled` are those that need not run any more; those that succeed are added. */
  execute({ event, drift }: CheckedEvent, delivery: VerifiedDelivery, settled?: Settled): MaybePromise<Executed> {
    if (this.dispatcher.gaveUp) return new RejectedOutcome('closing', { event: event.event });
    if (drift.length > 0) this.events.emit('drift', { event, delivery, issues: drift });
    return this.dispatcher.dispatch(event, delivery, settled);
  }
}
