/** Writes each UTF-16 unit of a text as `\u` and four hexadecimal digits, which JSON reads as the same text. */
export function unicodeEscape(text: string): string {
  return text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
