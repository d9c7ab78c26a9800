/** Shortens a text to `maxLength` UTF-16 units plus an ellipsis. It never splits a surrogate pair. */
export function truncate(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '')}…` : text;
}
