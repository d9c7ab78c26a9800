import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StandardSchemaV1 } from '@standard-schema/spec';

// The files in this folder are compiled by `npm run typecheck` and never run.

/** Whether two types are the same; unlike `extends` it tells `any`, `unknown` and optional members apart. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Whether a type is `any`: nothing else lets 0 be assignable to its meeting with 1. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/** What the platform declares: its own `any`s are not ours. */
type Platform = Uint8Array | Date | AbortSignal | Headers | Error | IncomingMessage | ServerResponse | StandardSchemaV1;

/** Whether a type is or holds `any`: in a member, an element, a parameter or a result, five levels deep. */
export type HoldsAny<T> = true extends Finds<T, []> ? true : false;

/** `true`, `false` or both: one for everything that was looked at. */
type Finds<T, Depth extends readonly unknown[]> =
  IsAny<T> extends true
    ? true
    : Depth['length'] extends 5
      ? false
      : T extends Platform
        ? false
        : T extends (...args: infer Args) => infer Result
          ? Finds<Args, [...Depth, T]> | Finds<Result, [...Depth, T]>
          : T extends readonly (infer Element)[]
            ? Finds<Element, [...Depth, T]>
            : T extends object
              ? { [K in keyof T]-?: Finds<T[K], [...Depth, T]> }[keyof T]
              : false;

/** `type _ = [True<…>, …]` compiles only when each is true. */
export type True<T extends true> = T;
export type False<T extends false> = T;

/** `exactly<T>()(value)` compiles only when the value's type is exactly T. */
export declare function exactly<T>(): <const A>(
  value: A,
  ...mismatch: Equal<A, T> extends true ? [] : [expected: T]
) => void;
