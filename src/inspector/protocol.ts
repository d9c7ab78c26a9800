import type { Mistake } from '../diagnosis/variants.js';
import type { InboxDelivery, InboxEntry, InboxStats } from '../inbox/types.js';

// What goes from the inspector's server side to its page. Neither keys nor signatures are part of it.

/** What became of a request, or `running`: its handlers have not answered yet. */
export type ShownOutcome =
  | 'running'
  | 'handled'
  | 'unhandled'
  | 'duplicate'
  | 'stored'
  | 'rejected'
  | 'failed'
  | 'dead';

/** Where it came from: over HTTP, from the page's editor, or out of an inbox that had it from before. */
export type Origin = 'received' | 'edited' | 'inbox';

/** A line of the list. */
export interface DeliverySummary {
  /** Counts up. */
  readonly key: number;
  /** Hex SHA-256 of the body, or null when it never came. */
  readonly id: string | null;
  /** The name of the event, once it is verified. */
  readonly event: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly bytes: number;
  readonly outcome: ShownOutcome;
  /** What was answered. */
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
  /** Where the payload deviates from what is published. */
  readonly drift: readonly string[];
  readonly runs: readonly Run[];
  readonly canReplay: boolean;
  /** Of a refused signature: the known mistakes that explain it, none if none does. Null: it was not looked into. */
  readonly mistakes: readonly Mistake[] | null;
  /** True if the search for mistakes ended at its time or size limit, before it had tried them all. */
  readonly isDiagnosisCut: boolean;
}

/** What the page may do here. */
export interface PageSettings {
  readonly hasInbox: boolean;
  /** True if a changed body may be signed and sent. */
  readonly canSign: boolean;
  /** Where the deliveries come in, for curl: an address, or a path at the page's host. */
  readonly endpoint: string;
  /** The name of the header that carries the signature. */
  readonly signatureHeader: string;
}

/** An event of the stream. Deliveries with a smaller key than `oldest` are forgotten. */
export interface StreamPart {
  readonly oldest: number;
  readonly deliveries: readonly DeliverySummary[];
}

/** Dates go as text. */
type Plain<T> = { readonly [K in keyof T]: T[K] extends Date ? string : T[K] };

export type PlainInboxEntry = Plain<InboxEntry>;
export type PlainInboxDelivery = Plain<Omit<InboxDelivery, 'rawBody'>> & { readonly bodyBase64: string };
export interface InboxView {
  readonly stats: InboxStats;
  readonly entries: readonly PlainInboxEntry[];
}
