import { bytesOf } from './body/bytes.js';
import { Once } from './dedupe/once.js';
import { VerifiedDelivery } from './delivery.js';
import type { Dispatcher } from './dispatch/dispatcher.js';
import { toError } from './errors.js';
import { isCatalogueName } from './events/catalogue.js';
import { findDrift, type Issue } from './events/documented.js';
import { occurredAt } from './events/occurred-at.js';
import { type ParsedEvent, parseEvent } from './events/parse.js';
import { checkData, describeIssues } from './events/schemas.js';
import type { AnyCakemailEvent } from './events/types.js';
import type { HeadersInput } from './headers.js';
import type { LifecycleEmitter } from './lifecycle.js';
import type { Settings } from './options.js';
import { AcceptedOutcome, type FailedOutcome, type Outcome, RejectedOutcome } from './outcome.js';
import { findSignature } from './signature/find.js';
import { type KeyRing, mayAuthenticate } from './signature/keys.js';
import { verifyingKeys } from './signature/verify.js';
import { within } from './time.js';

/** A delivery as `receive()` takes it: the exact bytes, and the headers they came with. */
export interface IncomingDelivery {
  /** The body as it was sent. Text is taken as UTF-8. Never the parsed object. */
  readonly rawBody: Uint8Array | string;
  readonly headers: HeadersInput;
}

type Executed = AcceptedOutcome | FailedOutcome | RejectedOutcome;

/** An event that passed every check, and what was remarkable about it. */
interface CheckedEvent {
  readonly event: AnyCakemailEvent;
  readonly drift: readonly Issue[];
}

/** The whole pipeline without HTTP: verify, parse, check, reserve, dispatch. Each step may end it. */
export class Receiver {
  readonly #once: Once<Executed> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly events: LifecycleEmitter,
    private readonly dispatcher: Dispatcher,
  ) {
    const { dedupe, timeouts, log } = settings;
    this.#once =
      dedupe &&
      new Once<Executed>(dedupe, {
        timeoutMs: timeouts.keys,
        isDone: (outcome) => outcome instanceof AcceptedOutcome,
        onUnrecorded: (err, delivery) =>
          log.write('error', { err, delivery }, 'the dedupe store failed after the handlers ran: they may run again'),
      });
  }

  /** Never rejects and never throws, whatever it is given. */
  async receive(incoming: IncomingDelivery): Promise<Outcome> {
    let outcome: Outcome;
    try {
      outcome = await this.#run(incoming);
    } catch (error) {
      outcome = new RejectedOutcome('internal', { cause: error });
    }
    return outcome instanceof RejectedOutcome ? this.reject(outcome) : outcome;
  }

  /** Tells of a rejection, and gives it back. */
  reject(outcome: RejectedOutcome): RejectedOutcome {
    const { reason, code, status, event, cause } = outcome;
    this.events.emit('rejected', { reason, code, status, event, cause });
    return outcome;
  }

  async #run(incoming: IncomingDelivery): Promise<Outcome> {
    const { rawBody, headers = {} } = incoming ?? {};
    const bytes = bytesOf(rawBody);
    if (bytes === undefined) return new RejectedOutcome('body_consumed');
    if (bytes.length > this.settings.limit) return new RejectedOutcome('body_too_large');
    this.events.emit('received', { bytes: bytes.length });

    const keys = await this.#authenticate(bytes, headers);
    if (keys instanceof RejectedOutcome) return keys;

    const parsed = parseEvent(bytes);
    if ('reason' in parsed) return new RejectedOutcome(parsed.reason);
    const { event: name } = parsed.event;
    if (keys !== 'unverified' && !mayAuthenticate(keys, name)) {
      return new RejectedOutcome('wrong_key_for_event', { event: name });
    }
    // Made at once, of the bytes that were verified: what comes next may take its time.
    const time = occurredAt(parsed.event);
    const delivery = new VerifiedDelivery(bytes, time, isCatalogueName(name), headers, this.settings.headerNames);
    const checked = await this.#check(parsed.event);
    return checked instanceof RejectedOutcome ? checked : this.#execute(checked, delivery);
  }

  /** The keys under which the signature holds. Nothing of the body has been looked at but its bytes. */
  async #authenticate(bytes: Buffer, headers: HeadersInput): Promise<KeyRing | 'unverified' | RejectedOutcome> {
    const { keys: source, headerNames } = this.settings;
    if (source === undefined) return 'unverified';
    const found = findSignature(headers, headerNames);
    if ('reason' in found) return new RejectedOutcome(found.reason);
    let ring: KeyRing;
    try {
      ring = await source();
    } catch (error) {
      return new RejectedOutcome('keys_unavailable', { cause: toError(error) });
    }
    const keys = verifyingKeys(bytes, found.signature, ring);
    if (keys.length === 0) return new RejectedOutcome('mismatch');
    this.events.emit('verified', { bytes: bytes.length, keys: keys.map((key) => ring.indexOf(key)) });
    return keys;
  }

  /** Looks at `data` with the user's schema, or at the whole event with what Cakemail publishes. */
  async #check(parsed: ParsedEvent): Promise<CheckedEvent | RejectedOutcome> {
    const { schemas, timeouts, rejectMismatch } = this.settings;
    const event = parsed as unknown as AnyCakemailEvent;
    const drift = findDrift(parsed);
    const schema = schemas.get(parsed.event);
    if (schema === undefined) return { event, drift };

    const overdue = (): Error => new Error(`The schema did not finish within ${timeouts.handler} ms`);
    try {
      const verdict = await within(timeouts.handler, () => checkData(schema, parsed.data), overdue);
      if ('data' in verdict) return { event: Object.assign(event, { data: verdict.data }), drift };
      if (!rejectMismatch) return { event, drift: [...drift, ...verdict.issues] };
      const cause = new Error(describeIssues(verdict.issues));
      return new RejectedOutcome('schema_mismatch', { event: parsed.event, cause });
    } catch (error) {
      return new RejectedOutcome('schema_failed', { event: parsed.event, cause: toError(error) });
    }
  }

  async #execute({ event, drift }: CheckedEvent, delivery: VerifiedDelivery): Promise<Outcome> {
    const execute = async (attempt: number): Promise<Executed> => {
      if (this.dispatcher.gaveUp) return new RejectedOutcome('closing', { event: event.event });
      delivery.attempt = attempt;
      if (drift.length > 0) this.events.emit('drift', { event, delivery, issues: drift });
      return this.dispatcher.dispatch(event, delivery);
    };
    if (this.#once === undefined) return execute(1);

    const once = await this.#once.run(delivery.id, execute);
    switch (once.state) {
      case 'ran':
        return once.result;
      case 'joined':
        this.events.emit('duplicate', { event, delivery, joined: true });
        return once.result;
      case 'finished':
        this.events.emit('duplicate', { event, delivery, joined: false });
        return new AcceptedOutcome('duplicate', event, delivery);
      case 'running':
        return new RejectedOutcome('running_elsewhere', { event: event.event });
      case 'unavailable':
        return new RejectedOutcome('dedupe_unavailable', { event: event.event, cause: once.cause });
    }
  }
}
