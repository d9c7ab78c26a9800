import { toOneLine as printable, CONTROL_CHARS as STEERING } from '../../shared/control-chars.js';
import { truncate } from '../../shared/truncate.js';
import { unicodeEscape } from '../../shared/unicode-escape.js';

export { stripControlChars as harmless } from '../../shared/control-chars.js';
export { printable };

/** The beginning of a text from outside, in one line that it cannot leave. */
export function oneLine(text: string, longest = 120): string {
  return printable(truncate(text, longest));
}

/** Columns, each as wide as it must be. Where that is too wide for the terminal, the last goes beneath the others. */
export function table(rows: readonly (readonly string[])[], columns = Number.POSITIVE_INFINITY): string {
  const clean = rows.map((row) => row.map(printable));
  const last = (clean[0]?.length ?? 0) - 1;
  const widths = clean[0]?.map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0))) ?? [];
  const isWide = widths.reduce((sum, width) => sum + width, 2 * last) > columns;
  return clean
    .map((row) => {
      const start = row.slice(0, last).map((cell, column) => cell.padEnd(widths[column] ?? 0));
      const end = row[last] ?? '';
      if (!isWide || last === 0) return [...start, end].join('  ').trimEnd();
      return [start.join('  ').trimEnd(), ...(end === '' ? [] : [`    ${end}`])].join('\n');
    })
    .join('\n');
}

/** For programs: the same data, with escapes in place of what steers a terminal. */
export function json(value: unknown): string {
  return escaped(JSON.stringify(value, null, 2));
}

/** The same in one line. */
export function jsonLine(value: unknown): string {
  return escaped(JSON.stringify(value));
}

function escaped(text: string): string {
  return text.replace(STEERING, unicodeEscape);
}
