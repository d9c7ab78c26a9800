const NUMBER = /^\d+$/;

/**
 * Orders the ids of webhooks in the same way in every process: first numeric ids by value, then all others as text. The order
 * says something about age only when both ids are numeric; see `isNewer`.
 */
export function compareIds(a: string, b: string): number {
  const [isNumberA, isNumberB] = [NUMBER.test(a), NUMBER.test(b)];
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  const byValue = isNumberA ? BigInt(a) - BigInt(b) : 0n;
  if (byValue !== 0n) return byValue < 0n ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * Guesses whether the webhook with id `a` is newer than the one with id `b`. Undefined when one of the ids is not numeric. The guess
 * assumes that numeric ids grow over time; Cakemail does not publish how ids are assigned.
 */
export function isNewer(a: string, b: string): boolean | undefined {
  return NUMBER.test(a) && NUMBER.test(b) ? compareIds(a, b) > 0 : undefined;
}
