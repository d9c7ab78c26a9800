/** True when two addresses are equal after normalisation. */
export function sameUrl(a: string, b: string): boolean {
  return normal(a) === normal(b);
}

/** True when two addresses differ by a slash at the end of the path alone. This package takes them for two. */
export function differBySlash(a: string, b: string): boolean {
  if (!URL.canParse(a) || sameUrl(a, b)) return false;
  const other = new URL(a);
  other.pathname = other.pathname.endsWith('/') ? other.pathname.slice(0, -1) : `${other.pathname}/`;
  return sameUrl(other.href, b);
}

function normal(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}
