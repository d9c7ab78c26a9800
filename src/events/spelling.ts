/**
 * The candidates that differ from a text in one place by at most two characters, ignoring case: a letter that is missing,
 * doubled, wrong or swapped with its neighbour. The compiler evaluates it only for a misspelt name.
 */
export type Closest<Text extends string, Candidate extends string> = string extends Text
  ? never
  : Candidate extends unknown
    ? IsSmall<Difference<Lowercase<Text>, Lowercase<Candidate>>> extends true
      ? Candidate
      : never
    : never;

/** Two texts without their common start and common end. Each is reversed. */
type Difference<A extends string, B extends string> =
  WithoutCommonStart<A, B> extends readonly [infer RestOfA extends string, infer RestOfB extends string]
    ? WithoutCommonStart<Reverse<RestOfA>, Reverse<RestOfB>>
    : never;

type WithoutCommonStart<A extends string, B extends string> = A extends `${infer First}${infer RestOfA}`
  ? B extends `${First}${infer RestOfB}`
    ? WithoutCommonStart<RestOfA, RestOfB>
    : [A, B]
  : [A, B];

type IsSmall<Both extends readonly [string, string]> =
  HasThree<Both[0]> extends true ? false : HasThree<Both[1]> extends true ? false : true;

type HasThree<Text extends string> = Text extends `${infer _First}${infer _Second}${infer Rest}`
  ? Rest extends ''
    ? false
    : true
  : false;

type Reverse<Text extends string, Reversed extends string = ''> = Text extends `${infer First}${infer Rest}`
  ? Reverse<Rest, `${First}${Reversed}`>
  : Reversed;
