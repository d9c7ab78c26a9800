/** A text as every store can keep it: NUL and unpaired surrogates are replaced by U+FFFD. */
export function storable(text: string): string {
  return UNSTORABLE.test(text) ? Buffer.from(text).toString().replaceAll('\0', '\ufffd') : text;
}

const UNSTORABLE = /[\0\ud800-\udfff]/;
