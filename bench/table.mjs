/** Prints a table in Markdown; every row is a list of cells. */
export function printTable(heads, rows) {
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
  line(heads);
  console.log(`|${'---|'.repeat(heads.length)}`);
  for (const row of rows) line(row);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Formats bytes in MB (millions of bytes). */
export const mega = (bytes) => (bytes / 1e6).toFixed(1);

/** Formats a difference in MB with its sign. */
export const added = (bytes) => `${bytes < 0 ? '−' : '+'}${mega(Math.abs(bytes))}`;
