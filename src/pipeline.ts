import { Once, type OnceResult } from './dedupe/deduplicator.js';
import { VerifiedDelivery } from './delivery/delivery.js';
import { AcceptedOutcome, type Outcome, RejectedOutcome, type RejectionReason } from './delivery/outcome.js';
import { storable } from './delivery/storable-text.js';
import type { DeliveryStore } from './delivery/stored-delivery.js';
import type { AnyCakemailEvent } from './events/event-types.js';
import { occurredAt, tooOld } from './events/occurred-at.js';
import { type ParsedEvent, parseEvent } from './events/parse.js';
import type { CheckedEvent, Executed, Handling } from './handlers/handling.js';
import type { Pieces } from './http/body/captured-body.js';
import type { Following, Observers } from './instrumentation/hooks.js';
import type { LifecycleEmitter } from './instrumentation/lifecycle.js';
import type { Settings } from './options.js';
import { bytesOf, join, lengthOf } from './shared/bytes.js';
import type { HeadersInput } from './shared/headers.js';
import { after, attempt, type MaybePromise } from './shared/promises.js';
import { SourceNotCalled } from './signature/backoff.js';
import { findSignature } from './signature/find-signature.js';
import { type KeyRing, mayAuthenticate } from './signature/key-ring.js';
import { verifyingKeys } from './signature/verify.js';

/** A delivery as `receive()` takes it: the exact bytes, and the headers they came with. */
export interface IncomingDelivery {
  /** The body as it was sent. Text is taken as UTF-8. Never the parsed object. */
  readonly rawBody: Uint8Array | string;
  readonly headers: HeadersInput;
}

/** A request on its way. */
interface Request {
  readonly pieces: Pieces;
  readonly headers: HeadersInput;
  /** Whoever looks on. */
  readonly following: Following | undefined;
}

interface ReadDelivery {
  readonly parsed: ParsedEvent;
  readonly delivery: VerifiedDelivery;
}

/** The whole pipeline without HTTP: verify, parse, check, reserve, dispatch. Each step may end it. */
export class Receiver {
  readonly #dedupe: Once<Executed> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly events: LifecycleEmitter,
    private readonly handling: Handling,
    private readonly observers: Observers,
  ) {
    const { dedupe, timeouts, log } = settings;
    this.#dedupe =
      dedupe &&
      new Once<Executed>(dedupe, {
        timeoutMs: timeouts.keys,
        isDone: (outcome) => outcome instanceof AcceptedOutcome,
        onUnrecorded: (err, delivery) =>
          log.write('error', { err, delivery }, 'the dedupe store failed after the handlers ran: they may run again'),
      });
  }

  /** Never rejects and never throws, whatever it is given. */
  receive(incoming: IncomingDelivery): MaybePromise<Outcome> {
    return this.#contain(() => {
      const { rawBody, headers = {} } = incoming ?? {};
      const bytes = bytesOf(rawBody);
      return bytes === undefined ? this.#turnAway('body_consumed') : this.#begin([bytes], headers);
    });
  }

  /** The same for a body as it was captured. */
  take(pieces: Pieces, headers: HeadersInput): MaybePromise<Outcome> {
    return this.#contain(() => this.#begin(pieces, headers));
  }

  /** Runs the handlers for bytes that were verified before, whether or not they ran already. */
  rerun(rawBody: Buffer, headers: HeadersInput, following: Following): MaybePromise<Outcome> {
    return this.#contain(() => {
      const read = this.#read(rawBody, { headers, following });
      return read instanceof RejectedOutcome
        ? read
        : after(this.handling.check(read.parsed), (checked) =>
            checked instanceof RejectedOutcome ? checked : this.handling.execute(checked, read.delivery),
          );
    });
  }

  #contain(begin: () => MaybePromise<Outcome>): MaybePromise<Outcome> {
    return attempt(
      begin,
      (outcome) => (outcome instanceof RejectedOutcome ? this.#reject(outcome) : outcome),
      (cause) => this.#reject(new RejectedOutcome('internal', { cause })),
    );
  }

  /** Tells of a request that is refused without its body, and gives its outcome back. */
  reject(outcome: RejectedOutcome): RejectedOutcome {
    this.observers.turnedAway(outcome);
    return this.#reject(outcome);
  }

  #turnAway(reason: RejectionReason): RejectedOutcome {
    const outcome = new RejectedOutcome(reason);
    this.observers.turnedAway(outcome);
    return outcome;
  }

  #reject(outcome: RejectedOutcome): RejectedOutcome {
    const { reason, code, status, eventName, cause } = outcome;
    this.events.emit('rejected', { reason, code, status, eventName, cause });
    return outcome;
  }

  #begin(pieces: Pieces, headers: HeadersInput): MaybePromise<Outcome> {
    const bytes = lengthOf(pieces);
    if (bytes > this.settings.body.limit) return this.#turnAway('body_too_large');
    this.events.emit('received', { bytes });
    if (this.observers.isEmpty) return this.#authenticate({ pieces, headers, following: undefined });
    const following = this.observers.arrived(() => join(pieces), headers);
    return attempt(
      () => this.#authenticate({ pieces, headers, following }),
      (outcome) => {
        following.answered(outcome);
        return outcome;
      },
      (cause) => {
        const outcome = new RejectedOutcome('internal', { cause });
        following.answered(outcome);
        return outcome;
      },
    );
  }

  /** Asks for the keys. Nothing of the body is looked at but its bytes. */
  #authenticate(request: Request): MaybePromise<Outcome> {
    const { keys, headerNames } = this.settings;
    if (keys === undefined) return this.#parse(join(request.pieces), request);
    const found = findSignature(request.headers, headerNames);
    if ('reason' in found) return new RejectedOutcome(found.reason);
    return attempt(
      () => keys(lengthOf(request.pieces)),
      (ring) => this.#verify(request, found.signature, ring),
      (cause) => new RejectedOutcome('keys_unavailable', { cause }),
    );
  }

  #verify(request: Request, signature: Buffer, ring: KeyRing): MaybePromise<Outcome> {
    const keys = verifyingKeys(request.pieces, signature, ring);
    return keys.length === 0 ? this.#renew(request, signature, ring) : this.#verified(request, keys, ring);
  }

  /** A key may be so new that it is not known yet: a last look, if the source of the keys has one. */
  #renew(request: Request, signature: Buffer, tried: KeyRing, asks = 2): MaybePromise<Outcome> {
    const renew = this.settings.keys?.renew;
    if (renew === undefined) return new RejectedOutcome('mismatch');
    return attempt(
      () => renew(tried, lengthOf(request.pieces)),
      (ring) => {
        if (ring === undefined) return new RejectedOutcome('mismatch');
        const keys = verifyingKeys(request.pieces, signature, ring);
        if (keys.length > 0) return this.#verified(request, keys, ring);
        // Newer than those here, but not the newest: the source may have had them at hand without a look.
        return asks > 1 ? this.#renew(request, signature, ring, asks - 1) : new RejectedOutcome('mismatch');
      },
      // A forgery stays one while the source is down. Where the source was not called, the delivery may be genuine.
      (cause) => new RejectedOutcome(cause instanceof SourceNotCalled ? 'keys_unavailable' : 'mismatch', { cause }),
    );
  }

  #verified(request: Request, keys: KeyRing, ring: KeyRing): MaybePromise<Outcome> {
    const bytes = join(request.pieces);
    const ids = keys.flatMap(({ id }) => id ?? []);
    const indexes = keys.map((key) => ring.indexOf(key));
    this.events.emit('verified', { bytes: bytes.length, keys: indexes, ...(ids.length > 0 && { ids }) });
    return this.#parse(bytes, request, keys);
  }

  /** `keys` are those that verified the bytes; left out when verification is switched off. */
  #parse(bytes: Buffer, request: Request, keys?: KeyRing): MaybePromise<Outcome> {
    const read = this.#read(bytes, request, keys);
    if (read instanceof RejectedOutcome) return read;
    const { parsed, delivery } = read;
    const { inbox, maxAgeMs } = this.settings;
    const stale = maxAgeMs === undefined ? undefined : tooOld(delivery.occurredAt, delivery.receivedAt, maxAgeMs);
    if (stale !== undefined) return new RejectedOutcome('too_old', { eventName: parsed.event, cause: stale });
    if (inbox !== undefined) return this.#store(inbox, parsed, delivery);
    return after(this.handling.check(parsed), (checked) =>
      checked instanceof RejectedOutcome ? checked : this.#once(checked, delivery),
    );
  }

  #read(
    bytes: Buffer,
    { headers, following }: Pick<Request, 'headers' | 'following'>,
    keys?: KeyRing,
  ): ReadDelivery | RejectedOutcome {
    const parsed = parseEvent(bytes);
    if ('reason' in parsed) return new RejectedOutcome(parsed.reason);
    const { event } = parsed;
    const name = event.event;
    if (keys !== undefined && !mayAuthenticate(keys, name)) {
      return new RejectedOutcome('wrong_key_for_event', { eventName: name });
    }
    // Made at once, of the bytes that were verified: what comes next may take its time.
    const time = occurredAt(event);
    const delivery = new VerifiedDelivery(bytes, time, name, headers, this.settings.headerNames);
    following?.verified(delivery, name);
    return { parsed: event, delivery };
  }

  /** Runs the handlers of an event, unless they ran before. */
  #once(checked: CheckedEvent, delivery: VerifiedDelivery): MaybePromise<Outcome> {
    const execute = (attempt: number): MaybePromise<Executed> => {
      delivery.attempt = attempt;
      return this.handling.execute(checked, delivery);
    };
    if (this.#dedupe === undefined) return execute(1);
    return after(this.#dedupe.run(delivery.id, execute), (once) => this.#conclude(once, checked.event, delivery));
  }

  /** Keeps it for a worker. Its schema is looked at there: an event that it refuses must not be lost either. */
  #store(inbox: DeliveryStore, parsed: ParsedEvent, delivery: VerifiedDelivery): MaybePromise<Outcome> {
    const event = parsed as unknown as AnyCakemailEvent;
    const { id, rawBody, headers, receivedAt } = delivery;
    return attempt(
      () => inbox.store({ id, event: storable(parsed.event), rawBody, headers, receivedAt }),
      (state): Outcome => {
        if (state === 'stored') {
          this.events.emit('stored', { event, delivery });
          return new AcceptedOutcome('stored', event, delivery);
        }
        this.events.emit('duplicate', { event, delivery, joined: false });
        return new AcceptedOutcome('duplicate', event, delivery, 'kept');
      },
      (cause) => new RejectedOutcome('inbox_unavailable', { eventName: parsed.event, cause }),
    );
  }

  #conclude(once: OnceResult<Executed>, event: AnyCakemailEvent, delivery: VerifiedDelivery): Outcome {
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
        return new RejectedOutcome('running_elsewhere', { eventName: event.event });
      case 'unavailable':
        return new RejectedOutcome('dedupe_unavailable', { eventName: event.event, cause: once.cause });
    }
  }
}
