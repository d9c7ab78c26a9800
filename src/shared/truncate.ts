/** Shortens a text to `most` UTF-16 units and an ellipsis. Never leaves half of a character. */
export function truncate(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…` : text;
}
