import { hash } from 'node:crypto';
import { isCatalogueName } from '../events/catalogue.js';
import { occurredAt } from '../events/occurred-at.js';
import type { ParsedEvent } from '../events/parse.js';
import { type HeadersInput, type PlainHeaders, withoutSecrets } from '../shared/headers.js';

/** The input of `receive()`: the exact bytes of a request's body, and its headers. */
export interface IncomingDelivery {
  /** The body as it was sent, never the parsed object. Text is encoded as UTF-8. */
  readonly rawBody: Uint8Array | string;
  readonly headers: HeadersInput;
}

/** The second argument of a handler: the request that carried the event. */
export interface Delivery {
  /** Hex SHA-256 of the raw bytes: the only identity that a Cakemail delivery has. Use it for idempotency. */
  readonly id: string;
  /** The name of the event, as it was verified. It stays the same when a handler changes `event`. */
  readonly eventName: string;
  /** The exact bytes that were signed. */
  readonly rawBody: Buffer;
  /** The request's headers in lower case, without credentials, cookies and the signature. */
  readonly headers: PlainHeaders;
  /** When the body was complete. */
  readonly receivedAt: Date;
  /** When the event happened (`created_on` or `timestamp`), or null when it does not say. */
  readonly occurredAt: Date | null;
  /** Starts at 1, and counts earlier attempts in which handlers failed. With an inbox, crashes count too. */
  readonly attempt: number;
  /** True when Cakemail's published catalogue lists the event's name. */
  readonly known: boolean;
  /** Aborts when the handlers exceed their time limit, or when `close()` stops waiting for them. */
  readonly signal: AbortSignal;
}

/** A delivery whose body was verified. Headers and signal are created on first use, because most handlers need neither. */
export class VerifiedDelivery implements Delivery {
  readonly #allHeaders: HeadersInput;
  readonly #signatureHeaders: readonly string[];
  readonly id: string;
  readonly eventName: string;
  readonly occurredAt: Date | null;
  readonly known: boolean;
  #headers: PlainHeaders | undefined;
  #abort: AbortController | undefined;
  attempt = 1;

  constructor(
    readonly rawBody: Buffer,
    event: ParsedEvent,
    headers: HeadersInput,
    signatureHeaders: readonly string[],
    readonly receivedAt = new Date(),
  ) {
    this.id = hash('sha256', rawBody, 'hex');
    this.eventName = event.event;
    this.occurredAt = occurredAt(event);
    this.known = isCatalogueName(this.eventName);
    this.#allHeaders = headers;
    this.#signatureHeaders = signatureHeaders;
  }

  get headers(): PlainHeaders {
    this.#headers ??= withoutSecrets(this.#allHeaders, this.#signatureHeaders);
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Aborts the `signal`. It is static, so that a handler can neither call nor overwrite it on its delivery. */
  static abort(delivery: VerifiedDelivery, reason: Error): void {
    delivery.#abort ??= new AbortController();
    delivery.#abort.abort(reason);
  }
}
