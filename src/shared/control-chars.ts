/**
 * Matches characters that control a terminal, or hide or reorder its text: C0, C1 and DEL, format characters, line
 * separators and unpaired surrogates. It excludes line feeds and tabs, so that a text keeps its layout.
 */
export const CONTROL_CHARS = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Replaces control characters, so that the text cannot control a terminal. It keeps line breaks. */
export function stripControlChars(text: string): string {
  return text.replace(CONTROL_CHARS, '?');
}

/** Replaces line breaks too, so that a text from outside cannot forge a log line. */
export function toOneLine(text: string): string {
  return stripControlChars(text).replace(/[\n\t]/g, '?');
}
