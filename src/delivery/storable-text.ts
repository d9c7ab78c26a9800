const UNSTORABLE = /[\0\ud800-\udfff]/;

/** Replaces NUL and unpaired surrogates, which some stores refuse, by U+FFFD. */
export function toStorableText(text: string): string {
  return UNSTORABLE.test(text) ? Buffer.from(text).toString().replaceAll('\0', '\ufffd') : text;
}
