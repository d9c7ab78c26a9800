/**
 * Characters that steer a terminal, or hide or reorder what it shows: C0, C1 and DEL, format characters, line separators
 * and unpaired surrogates. Line feeds and tabs are left out, so that a text of several lines keeps its form.
 */
export const CONTROL_CHARS = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text of several lines that cannot steer a terminal. */
export function stripControlChars(text: string): string {
  return text.replace(CONTROL_CHARS, '?');
}

/** The same in one line, so that a text from outside cannot pass for a line of its own. */
export function toOneLine(text: string): string {
  return stripControlChars(text).replace(/[\n\t]/g, '?');
}
