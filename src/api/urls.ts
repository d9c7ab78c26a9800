/** Whether two addresses are the same once they are written alike. */
export function sameUrl(a: string, b: string): boolean {
  return normal(a) === normal(b);
}

/** Whether two addresses are the same but for a slash at the end of the path. To Cakemail they are two. */
export function differBySlash(a: string, b: string): boolean {
  if (!URL.canParse(a) || sameUrl(a, b)) return false;
  const other = new URL(a);
  other.pathname = other.pathname.endsWith('/') ? other.pathname.slice(0, -1) : `${other.pathname}/`;
  return sameUrl(other.href, b);
}

function normal(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}
