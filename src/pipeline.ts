import type { Deduplicator } from './dedupe/deduplicator.js';
import { type IncomingDelivery, VerifiedDelivery } from './delivery/delivery.js';
import { AcceptedOutcome, type Outcome, RejectedOutcome, type RejectionReason } from './delivery/outcome.js';
import { toStorableText } from './delivery/storable-text.js';
import type { RouterInbox } from './delivery/stored-delivery.js';
import type { AnyCakemailEvent } from './events/event-types.js';
import { ageError } from './events/occurred-at.js';
import { type ParsedEvent, parseEvent } from './events/parse.js';
import type { Validator } from './events/validator.js';
import type { Dispatcher } from './handlers/dispatcher.js';
import type { Hooks, ReceivedRequest } from './instrumentation/hooks.js';
import type { LifecycleNotices } from './instrumentation/lifecycle.js';
import { bytesOf } from './shared/bytes.js';
import { toError } from './shared/error-text.js';
import type { HeadersInput } from './shared/headers.js';
import { isPromise } from './shared/promises.js';
import { mayAuthenticate } from './signature/key-ring.js';
import type { Verified, Verifier } from './signature/verifier.js';

export interface PipelineParts {
  readonly maxBytes: number;
  /** Undefined when events of any age are accepted. */
  readonly maxAgeMs: number | undefined;
  /** Left out of `delivery.headers`. */
  readonly signatureHeaders: readonly string[];
  readonly verifier: Verifier;
  readonly inbox: RouterInbox | undefined;
  readonly validator: Validator;
  readonly deduplicator: Deduplicator | undefined;
  readonly dispatcher: Dispatcher;
  readonly hooks: Hooks;
}

/**
 * Turns the bytes and headers of a request into an outcome. Every host adapter in http/ calls it through
 * http/handle-request.ts, and router.ts builds it.
 *
 * - Rejection reasons and their codes: delivery/outcome.ts. Statuses and bodies: delivery/responses.ts.
 * - Lifecycle notices: instrumentation/lifecycle.ts. Their log lines: instrumentation/log-lines.ts.
 * - The HMAC: signature/matching-keys.ts. Dedupe stores: dedupe/resolve-store.ts. Inbox engines: inbox/open.ts.
 * - Stored deliveries continue in handlers/worker.ts.
 */
export class Pipeline {
  constructor(private readonly parts: PipelineParts) {}

  /**
   * The steps of a delivery, in order. Each may end it with an outcome. Nothing unverified is ever parsed. A step that stored
   * or repeated deliveries need as well belongs into `rerun` and handlers/worker.ts too.
   */
  async #run(request: ReceivedRequest, isVerified: boolean): Promise<Outcome> {
    const { verifier, hooks, maxAgeMs, inbox, validator, deduplicator, dispatcher, signatureHeaders } = this.parts;
    const { rawBody, headers } = request;
    const verifying = isVerified ? undefined : verifier.verify(rawBody, headers);
    const verification = isPromise(verifying) ? await verifying : verifying;
    if (verification !== undefined && 'reason' in verification) {
      return new RejectedOutcome(verification.reason, { cause: verification.cause });
    }
    if (verification !== undefined) hooks.notify('verified', verifiedNotice(verification, rawBody.length));

    const parsed = parseEvent(rawBody);
    if ('reason' in parsed) return new RejectedOutcome(parsed.reason);
    const eventName = parsed.event.event;
    if (verification !== undefined && !mayAuthenticate(verification.keys, eventName)) {
      return new RejectedOutcome('wrong_key_for_event', { eventName });
    }

    const delivery = new VerifiedDelivery(rawBody, parsed.event, headers, signatureHeaders);
    hooks.requestVerified(request, delivery);
    const tooOld = maxAgeMs === undefined || isVerified ? undefined : ageError(delivery, maxAgeMs);
    if (tooOld !== undefined) return new RejectedOutcome('too_old', { eventName, cause: tooOld });

    // The worker of the inbox validates, so that an event that its schema refuses is not lost either.
    if (inbox !== undefined) return await this.#store(inbox, parsed.event, delivery);

    const validating = validator.validate(parsed.event);
    const valid = isPromise(validating) ? await validating : validating;
    if ('reason' in valid) return new RejectedOutcome(valid.reason, { eventName, cause: valid.cause });

    if (deduplicator === undefined) return await dispatcher.dispatch(valid, delivery);
    return await deduplicator.run(valid.event, delivery, (attempt) => {
      delivery.attempt = attempt;
      return dispatcher.dispatch(valid, delivery);
    });
  }

  async #store(inbox: RouterInbox, parsed: ParsedEvent, delivery: VerifiedDelivery): Promise<Outcome> {
    const { hooks } = this.parts;
    const event = parsed as unknown as AnyCakemailEvent; // the worker of the inbox validates it
    const { id, eventName, rawBody, headers, receivedAt } = delivery;
    try {
      const result = await inbox.store({ id, event: toStorableText(eventName), rawBody, headers, receivedAt });
      if (result === 'duplicate') {
        hooks.notify('duplicate', { event, delivery, joined: false });
        return new AcceptedOutcome('duplicate', event, delivery, 'stored_duplicate');
      }
      hooks.notify('stored', { event, delivery });
      return new AcceptedOutcome('stored', event, delivery);
    } catch (thrown) {
      return new RejectedOutcome('inbox_unavailable', { eventName, cause: toError(thrown) });
    }
  }

  /** Processes the body of a request. `isVerified` skips its verification. Never rejects. */
  async process(rawBody: Buffer, headers: HeadersInput, isVerified = false): Promise<Outcome> {
    const { hooks, maxBytes } = this.parts;
    if (rawBody.length > maxBytes) return this.reject('body_too_large');
    const request: ReceivedRequest = { headers, rawBody };
    hooks.notify('received', { bytes: rawBody.length });
    hooks.requestReceived(request);
    let outcome: Outcome;
    try {
      outcome = await this.#run(request, isVerified);
    } catch (thrown) {
      outcome = new RejectedOutcome('internal', { cause: toError(thrown) });
    }
    hooks.requestEnded(request, outcome);
    if (outcome instanceof RejectedOutcome) hooks.notify('rejected', rejectedNotice(outcome));
    return outcome;
  }

  /** Processes what the application passes to `receive()` or `handleVerified()`. Never throws or rejects. */
  receive(incoming: Partial<IncomingDelivery> | undefined, isVerified = false): Outcome | Promise<Outcome> {
    try {
      const bytes = bytesOf(incoming?.rawBody);
      if (bytes === undefined) return this.reject('body_consumed');
      return this.process(bytes, incoming?.headers ?? {}, isVerified);
    } catch (thrown) {
      return this.reject('internal', toError(thrown)); // the getters of a foreign object may throw
    }
  }

  /**
   * Runs the handlers of a request once more, although they may have succeeded before: without verification, age limit, inbox
   * and dedupe, and without reporting an end.
   */
  async rerun(request: ReceivedRequest): Promise<Outcome> {
    const { validator, dispatcher, hooks, signatureHeaders } = this.parts;
    const { rawBody } = request;
    const parsed = parseEvent(rawBody);
    if ('reason' in parsed) return new RejectedOutcome(parsed.reason);
    const delivery = new VerifiedDelivery(rawBody, parsed.event, request.headers, signatureHeaders);
    hooks.requestVerified(request, delivery);
    const valid = await validator.validate(parsed.event);
    if (!('reason' in valid)) return dispatcher.dispatch(valid, delivery);
    return new RejectedOutcome(valid.reason, { eventName: delivery.eventName, cause: valid.cause });
  }

  /** Rejects a request that does not enter the pipeline, and reports that. There is no `received` notice for it. */
  reject(reason: RejectionReason, cause?: unknown): RejectedOutcome {
    const outcome = new RejectedOutcome(reason, { cause });
    this.parts.hooks.requestEnded(undefined, outcome);
    this.parts.hooks.notify('rejected', rejectedNotice(outcome));
    return outcome;
  }
}

function verifiedNotice({ keys, tried }: Verified, bytes: number): LifecycleNotices['verified'] {
  const ids = keys.flatMap(({ id }) => id ?? []);
  return { bytes, keys: keys.map((key) => tried.indexOf(key)), ...(ids.length > 0 && { ids }) };
}

function rejectedNotice({ reason, code, status, eventName, cause }: RejectedOutcome): LifecycleNotices['rejected'] {
  return { reason, code, status, eventName, cause };
}
