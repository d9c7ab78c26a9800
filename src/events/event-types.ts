import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { CatalogueName } from './catalogue.js';
import type { Closest } from './spelling.js';

/**
 * `data` of `User.LoggedIn`, the only event whose data Cakemail publishes.
 * Source: the sample in Cakemail's guide "Using webhooks"; the list form of `scopes` is in its OpenAPI document 1.18.25.
 */
export interface UserLoggedInData {
  /** The address that the user logged in with. */
  email: string;
  /** The grant of the token, such as `'password'`. */
  grant_type: string;
  /** The comma-separated scopes of the token, such as `'user'`. */
  scopes: string;
}

/**
 * The type of `data` for each event. Cakemail publishes one of them. Declare those that you know in a `.ts` or `.d.ts` file:
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
 * Only the compiler uses these types. The option `schemas` also checks `data` at run time.
 */
export interface CakemailEventData {
  'User.LoggedIn': UserLoggedInData;
}

/** An event name for `on`: published by Cakemail, or declared in {@link CakemailEventData}. */
export type EventName = CatalogueName | Extract<keyof CakemailEventData, string>;

/** The part of an event name before the dot: `'Email'`, `'User'`, … */
export type EventGroup = EventName extends `${infer Group}.${string}` ? Group : never;

/** A pattern for all events of a group: `'Email.*'`. */
export type EventPattern = `${EventGroup}.*`;

/** An event name, or a pattern such as `'Email.*'`. */
export type EventSelector = EventName | EventPattern;

/** The names that a selector matches. */
export type MatchedName<P extends string> = P extends `${infer Group}.*`
  ? Extract<EventName, `${Group}.${string}`>
  : Extract<P, EventName>;

/**
 * The first argument of `on`: one selector or a list. For a misspelt one the type is a text that the compiler then prints:
 * `"Did you mean 'User.LoggedIn'?"`.
 */
export type CheckedNames<P extends string> = [P] extends [EventSelector] ? P | readonly P[] : Correction<P>;

type Correction<P extends string> = P extends EventSelector
  ? never
  : [Closest<P, EventSelector>] extends [never]
    ? EventSelector | readonly EventSelector[]
    : `Did you mean '${Closest<P, EventSelector>}'?`;

/** Your own schemas for `data`, by event name, from any library that implements Standard Schema: zod, valibot, arktype, … */
export type SchemaMap = { readonly [N in EventName]?: StandardSchemaV1 };

/** The members around `data`. Sources: Cakemail's guide "Using webhooks", and its newer documents where they differ. */
export interface EventEnvelope {
  /** `1234567` in the guide's sample. */
  account_id?: number;
  /** `'203.0.113.7'` in the guide's sample. */
  ip?: string;
  /** All members are null in the guide's sample. Their other values are not published. */
  user?: { id?: unknown; email?: unknown; account_id?: unknown };
  /** The time of the event, in Unix seconds. `delivery.occurredAt` reads this or `timestamp`. */
  created_on?: number;
  /** The time of the event, in ISO 8601. The newer developer portal has it in place of `created_on`. */
  timestamp?: string;
}

/** An event as it was sent. Members that Cakemail does not publish are present too, but have no type. */
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

/** The event with this name. Several names give a union that narrows on `event`. */
export type CakemailEvent<N extends EventName = EventName, S extends SchemaMap = Record<never, never>> = {
  [K in N]: EventOf<K, DataOf<K, S>>;
}[N];

// An enum, because comparing `event` with a known name then excludes the unknown event from the union.
export declare enum Unlisted {
  Name = 'a name that is not in the catalogue',
}

/** An event whose name is not in the catalogue. Its `event` is any string. */
export type UnknownEvent = EventOf<Unlisted, unknown>;

/** Any verified event. `switch (event.event)` narrows it, and its default case is an {@link UnknownEvent}. */
export type AnyCakemailEvent<S extends SchemaMap = Record<never, never>> = CakemailEvent<EventName, S> | UnknownEvent;
