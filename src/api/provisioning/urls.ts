/** True when two URLs are equal after normalisation. */
export function sameUrl(a: string, b: string): boolean {
  return normalise(a) === normalise(b);
}

/** True when two URLs differ only by a slash at the end of the path. This package treats them as different URLs. */
export function differBySlash(a: string, b: string): boolean {
  if (!URL.canParse(a) || sameUrl(a, b)) return false;
  const other = new URL(a);
  other.pathname = other.pathname.endsWith('/') ? other.pathname.slice(0, -1) : `${other.pathname}/`;
  return sameUrl(other.href, b);
}

function normalise(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}
