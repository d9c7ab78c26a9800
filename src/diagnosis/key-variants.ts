import { type Variant, variantsOf } from './variants.js';

/** What a key may have been before somebody copied it. */
export function keysLike(key: string): Variant<Buffer>[] {
  return variantsOf(Buffer.from(key), [
    {
      id: 'key-space',
      what: 'The key has white space around it, a line break for instance.',
      fix: 'Remove it, from the file or variable that the key comes from.',
      make: () => (key.trim() === key ? undefined : Buffer.from(key.trim())),
    },
    {
      id: 'key-line-break',
      what: 'The sender signs with a line break at the end of the key.',
      fix: 'The key is taken exactly as given: use the same text on both sides.',
      make: () => (key.endsWith('\n') ? undefined : Buffer.from(`${key}\n`)),
    },
    {
      id: 'key-quotes',
      what: 'The key has quotes around it.',
      fix: 'Remove them: some programs keep the quotes of an env file.',
      make: () => (/^(["']).*\1$/.test(key) ? Buffer.from(key.slice(1, -1)) : undefined),
    },
    {
      id: 'key-quoted',
      what: 'The sender signs with quotes around the key.',
      fix: 'Remove them where the sender has its key from.',
      make: () => (/^["']/.test(key) ? undefined : Buffer.from(`"${key}"`)),
    },
    {
      id: 'key-base64',
      what: 'The sender signs with the bytes that the key is the base64 of.',
      fix: "Cakemail's key is a text, used as it is: do not decode it. Otherwise pass Buffer.from(key, 'base64').",
      make: () => (/^[A-Za-z0-9+/]{8,}={0,2}$/.test(key) ? Buffer.from(key, 'base64') : undefined),
    },
    {
      id: 'key-hex',
      what: 'The sender signs with the bytes that the key is the hex of.',
      fix: "Cakemail's key is a text, used as it is: do not decode it. Otherwise pass Buffer.from(key, 'hex').",
      make: () => (/^([0-9a-f]{2}){4,}$/i.test(key) ? Buffer.from(key, 'hex') : undefined),
    },
  ]);
}
