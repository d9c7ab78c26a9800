const NUMBER = /^\d+$/;

/**
 * Orders the ids of webhooks in the same way in every process: numbers by their value and first, then all others as text.
 * The order suggests which webhook is older only where both ids are numbers, see `isNewer`.
 */
export function compareIds(a: string, b: string): number {
  const [isNumberA, isNumberB] = [NUMBER.test(a), NUMBER.test(b)];
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  const byValue = isNumberA ? BigInt(a) - BigInt(b) : 0n;
  if (byValue !== 0n) return byValue < 0n ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * True when the webhook `a` seems to be newer than `b`, and false when it does not. Undefined when one of the ids is not a number,
 * because nothing suggests an order then. It assumes that numeric ids grow with creation; Cakemail does not publish how ids are made.
 */
export function isNewer(a: string, b: string): boolean | undefined {
  return NUMBER.test(a) && NUMBER.test(b) ? compareIds(a, b) > 0 : undefined;
}
