/** A longer word is not a typo, so comparing it would waste time. */
const MAX_WORD_LENGTH = 64;

/** Two swapped letters count as two edits. */
const MAX_TYPO_DISTANCE = 2;

/** Returns the candidate that a misspelt word probably means: at most a third of the word's letters differ from it. */
export function closestMatch(word: string, candidates: readonly string[]): string | undefined {
  return closestWithin(Math.floor(word.length / 3), word, candidates);
}

/** Works like `closestMatch` with at most two edits, for words that may be right although no candidate equals them. */
export function typoOf(word: string, candidates: readonly string[]): string | undefined {
  return closestWithin(Math.min(Math.floor(word.length / 3), MAX_TYPO_DISTANCE), word, candidates);
}

function closestWithin(maxDistance: number, word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined;
  let best: string | undefined;
  let bestDistance = maxDistance + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** The Levenshtein distance, computed row by row. */
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
