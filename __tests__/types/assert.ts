import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StandardSchemaV1 } from '@standard-schema/spec';

// The files in this folder are compiled by `npm run typecheck` and never run.

/** True if two types are the same; unlike `extends`, it distinguishes `any`, `unknown` and optional members. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** True if a type is `any`, because 0 extends the intersection of 1 with no other type. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/** Types that this package does not declare; an `any` inside one of them does not count. */
type Platform = Uint8Array | Date | AbortSignal | Headers | Error | IncomingMessage | ServerResponse | StandardSchemaV1;

/** True if a type is `any` or holds it in a member, element, parameter or result, up to five levels deep. */
export type HoldsAny<T> = true extends Finds<T, []> ? true : false;

/** The union of the results for every type that it visits: `true`, `false` or `boolean`. */
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
