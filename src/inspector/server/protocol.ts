import type { Mistake } from '../../diagnosis/variants.js';
import type { InboxDelivery, InboxEntry, InboxStats } from '../../inbox/index.js';

// The types of the data that the inspector's server sends to its page. They hold neither keys nor signatures.

/** The outcome of a request, or `running` while its handlers run. */
export type ShownOutcome =
  | 'running'
  | 'handled'
  | 'unhandled'
  | 'duplicate'
  | 'stored'
  | 'rejected'
  | 'failed'
  | 'dead';

/** Where a request came from: over HTTP, from the page's editor, or from an inbox that held the delivery before. */
export type Origin = 'received' | 'edited' | 'inbox';

/** A row of the list. */
export interface DeliverySummary {
  /** Increases with each request. */
  readonly key: number;
  /** Hex SHA-256 of the body, or null when the body was not received. */
  readonly id: string | null;
  /** The name of the event, or null before it is verified. */
  readonly event: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly bytes: number;
  readonly outcome: ShownOutcome;
  /** The status of the response, or null before the response. */
  readonly status: number | null;
  readonly reason: string | null;
  readonly durationMs: number | null;
  readonly attempts: number;
  readonly origin: Origin;
}

/** One call of a handler. */
export interface HandlerTrace {
  readonly name: string;
  /** Null while it runs. */
  durationMs: number | null;
  error: string | null;
}

/** One attempt at a delivery. */
export interface Run {
  readonly attempt: number;
  readonly at: number;
  outcome: 'running' | 'handled' | 'unhandled' | 'failed';
  durationMs: number | null;
  error: string | null;
  readonly handlers: HandlerTrace[];
}

/** Everything about a delivery. */
export interface DeliveryDetail extends DeliverySummary {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bodyBase64: string;
  readonly cause: string | null;
  /** Where the payload deviates from what Cakemail publishes. */
  readonly drift: readonly string[];
  readonly runs: readonly Run[];
  readonly canReplay: boolean;
  /** The known mistakes that explain a refused signature. Null when there was nothing to diagnose. */
  readonly mistakes: readonly Mistake[] | null;
  /** True when the diagnosis ended at its time or size limit before it had tried all mistakes. */
  readonly isDiagnosisCut: boolean;
}

/** The settings and permissions of the page. */
export interface PageSettings {
  readonly hasInbox: boolean;
  /** True when the page may sign and send a changed body. */
  readonly canSign: boolean;
  /** The address that receives deliveries, or its path on the page's host. The page's curl commands use it. */
  readonly endpoint: string;
  /** The name of the header that carries the signature. */
  readonly signatureHeader: string;
}

/** An event of the stream. The history has forgotten all deliveries with a key smaller than `oldest`. */
export interface StreamPart {
  readonly oldest: number;
  readonly deliveries: readonly DeliverySummary[];
}

/** JSON holds dates as text. */
type Plain<T> = { readonly [K in keyof T]: T[K] extends Date ? string : T[K] };

export type PlainInboxEntry = Plain<InboxEntry>;
export type PlainInboxDelivery = Plain<Omit<InboxDelivery, 'rawBody'>> & { readonly bodyBase64: string };
export interface InboxView {
  readonly stats: InboxStats;
  readonly entries: readonly PlainInboxEntry[];
}
