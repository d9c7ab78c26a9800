import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { CatalogueName } from './catalogue.js';
import type { Closest } from './spelling.js';

/**
 * `data` of `User.LoggedIn`, the one event whose data Cakemail publishes.
 * Source: the sample in Cakemail's guide "Using webhooks"; the list form of `scopes` is in its OpenAPI document 1.18.25.
 */
export interface UserLoggedInData {
  /** The address that the user logged in with. */
  email: string;
  /** How the token was granted, e.g. `'password'`. */
  grant_type: string;
  /** Comma-separated scopes of the token, e.g. `'user'`. */
  scopes: string;
}

/**
 * The type of `data` for each event. Cakemail publishes one of them; declare those that you know in a `.ts` or a `.d.ts`:
 *
 * ```ts
 * import 'cakemail-webhooks'; // an import or export makes the file a module, so that the block adds to the package's types
 *
 * declare module 'cakemail-webhooks' {
 *   interface CakemailEventData {
 *     'Email.Bounced': { email: string; bounce_type: 'hard' | 'soft' };
 *     'Campaign.Sent': { campaign_id: number }; // also makes a name known to `on`
 *   }
 * }
 * ```
 *
 * A merge is a promise to the compiler only. To have it checked, use the option `schemas`.
 */
export interface CakemailEventData {
  'User.LoggedIn': UserLoggedInData;
}

/** A name that `on` takes: published by Cakemail, or merged into {@link CakemailEventData}. */
export type EventName = CatalogueName | Extract<keyof CakemailEventData, string>;

/** The part before the dot: `'Email'`, `'User'`, … */
export type EventGroup = EventName extends `${infer Group}.${string}` ? Group : never;

/** All events of a group: `'Email.*'`. */
export type EventPattern = `${EventGroup}.*`;

/** What handlers are registered for: an event's name, or a pattern such as `'Email.*'`. */
export type EventSelector = EventName | EventPattern;

/** The names that a name or a pattern stands for. */
export type MatchedName<P extends string> = P extends `${infer Group}.*`
  ? Extract<EventName, `${Group}.${string}`>
  : Extract<P, EventName>;

/**
 * The names that handlers are registered for: one or a list. Where one of them is misspelt, a text that says which name
 * was probably meant, so that the compiler prints it: `"Did you mean 'User.LoggedIn'?"`.
 */
export type CheckedNames<P extends string> = [P] extends [EventSelector] ? P | readonly P[] : Correction<P>;

type Correction<P extends string> = P extends EventSelector
  ? never
  : [Closest<P, EventSelector>] extends [never]
    ? EventSelector | readonly EventSelector[]
    : `Did you mean '${Closest<P, EventSelector>}'?`;

/** Your own schemas for `data`, by event: zod, valibot, arktype, anything that speaks Standard Schema. */
export type SchemaMap = { readonly [N in EventName]?: StandardSchemaV1 };

/** The members around `data`. Source: Cakemail's guide "Using webhooks", and where its newer documents differ. */
export interface EventEnvelope {
  /** In the guide's sample `1234567`. */
  account_id?: number;
  /** In the guide's sample `'203.0.113.7'`. */
  ip?: string;
  /** Every member may be null, and is in the guide's sample; what they hold otherwise is not published. */
  user?: { id?: unknown; email?: unknown; account_id?: unknown };
  /** When it happened, Unix time in seconds. `delivery.occurredAt` reads this or `timestamp`. */
  created_on?: number;
  /** When it happened, ISO 8601; in the newer developer portal in place of `created_on`. */
  timestamp?: string;
}

/** One event, as it was sent: members that Cakemail does not publish are there too, but not typed. */
export interface EventOf<Name, Data> extends EventEnvelope {
  event: Name;
  data: Data;
}

type DataOf<N, S> = N extends keyof S
  ? S[N] extends StandardSchemaV1<infer _Input, infer Output>
    ? Output
    : PublishedData<N>
  : PublishedData<N>;

type PublishedData<N> = N extends keyof CakemailEventData ? CakemailEventData[N] : Record<string, unknown>;

/** The event of a name; of all names a union that narrows on `event`. */
export type CakemailEvent<N extends EventName = EventName, S extends SchemaMap = Record<never, never>> = {
  [K in N]: EventOf<K, DataOf<K, S>>;
}[N];

// An enum, because its type is a unit: comparing `event` with a known name leaves the unknown event out.
export declare enum Unlisted {
  Name = 'a name that is not in the catalogue',
}

/** An event whose name the catalogue does not have (yet). Its `event` is any string. */
export type UnknownEvent = EventOf<Unlisted, unknown>;

/** Any verified event. `switch (event.event)` narrows it; what is left is an {@link UnknownEvent}. */
export type AnyCakemailEvent<S extends SchemaMap = Record<never, never>> = CakemailEvent<EventName, S> | UnknownEvent;
