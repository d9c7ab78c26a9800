import { hash } from 'node:crypto';
import { isCatalogueName } from '../events/catalogue.js';
import { type HeadersInput, type PlainHeaders, withoutSecrets } from '../shared/headers.js';

/** A delivery as `receive()` takes it: the exact bytes, and the headers that came with them. */
export interface IncomingDelivery {
  /** The body as it was sent; text counts as UTF-8. Never the parsed object. */
  readonly rawBody: Uint8Array | string;
  readonly headers: HeadersInput;
}

/** What a handler gets beside the event. */
export interface Delivery {
  /** Hex SHA-256 of the raw bytes: the only identity that a Cakemail delivery has. Use it for idempotency. */
  readonly id: string;
  /** The name of the event, as it was verified: handlers may change `event`, but not this. */
  readonly eventName: string;
  /** The exact bytes that were signed. */
  readonly rawBody: Buffer;
  /** The request's headers in lower case, without credentials, cookies and the signature. */
  readonly headers: PlainHeaders;
  /** When the whole body was there. */
  readonly receivedAt: Date;
  /** When the event happened (`created_on` or `timestamp`), or null when it does not say. */
  readonly occurredAt: Date | null;
  /** 1, or more when handlers failed on earlier tries of the same bytes. With an inbox, crashes count too. */
  readonly attempt: number;
  /** Whether Cakemail's published catalogue has the event's name. */
  readonly known: boolean;
  /** Aborts when the handlers' time limit passes, or when `close()` runs out of patience. */
  readonly signal: AbortSignal;
}

/** Verified bytes on their way to the handlers. Parts that many handlers never ask for are made when asked for. */
export class VerifiedDelivery implements Delivery {
  readonly #received: HeadersInput;
  readonly #secretNames: readonly string[];
  readonly id: string;
  readonly known: boolean;
  #headers: PlainHeaders | undefined;
  #abort: AbortController | undefined;
  attempt = 1;

  constructor(
    readonly rawBody: Buffer,
    readonly occurredAt: Date | null,
    readonly eventName: string,
    headers: HeadersInput,
    secretNames: readonly string[],
    readonly receivedAt = new Date(),
  ) {
    this.id = hash('sha256', rawBody, 'hex');
    this.known = isCatalogueName(eventName);
    this.#received = headers;
    this.#secretNames = secretNames;
  }

  get headers(): PlainHeaders {
    this.#headers ??= withoutSecrets(this.#received, this.#secretNames);
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Tells the handlers to stop. Static, so that no handler finds it on what it was given. */
  static abort(delivery: VerifiedDelivery, reason: Error): void {
    delivery.#abort ??= new AbortController();
    delivery.#abort.abort(reason);
  }
}
