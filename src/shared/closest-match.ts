/** A longer word is no slip of the keyboard, and comparing it would only cost time. */
const LONGEST = 64;

/** Two letters that changed places count as two that differ. */
const MOST_IN_A_SLIP = 2;

/** The candidate that a misspelt word was probably meant to be: at most a third of its letters differ. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  return nearestWithin(Math.floor(word.length / 3), word, candidates);
}

/**
 * The candidate of which a word is almost certainly a slip: as `nearest`, and at most two letters differ. For where a word
 * that is not a candidate may be right.
 */
export function slipOf(word: string, candidates: readonly string[]): string | undefined {
  return nearestWithin(Math.min(Math.floor(word.length / 3), MOST_IN_A_SLIP), word, candidates);
}

function nearestWithin(most: number, word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Levenshtein's distance, a row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
