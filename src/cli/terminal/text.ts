import { CONTROL_CHARS, toOneLine } from '../../shared/control-chars.js';
import { truncate } from '../../shared/truncate.js';
import { unicodeEscape } from '../../shared/unicode-escape.js';

/** Truncates an untrusted text and puts it on one line, without control characters. */
export function toShortLine(text: string, maxLength = 120): string {
  return toOneLine(truncate(text, maxLength));
}

/** Aligns rows in columns. When they are wider than the terminal, the last column moves below the others. */
export function table(rows: readonly (readonly string[])[], columns = Number.POSITIVE_INFINITY): string {
  const clean = rows.map((row) => row.map(toOneLine));
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

/** Formats a value as JSON, with control characters escaped. */
export function toJson(value: unknown): string {
  return escapeControlChars(JSON.stringify(value, null, 2));
}

/** Like `toJson`, but in one line. */
export function toJsonLine(value: unknown): string {
  return escapeControlChars(JSON.stringify(value));
}

function escapeControlChars(text: string): string {
  return text.replace(CONTROL_CHARS, unicodeEscape);
}
