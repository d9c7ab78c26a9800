import { type Variant, variantsOf } from './variants.js';

/** Returns the keys that the sender may have signed with, given a key as it was configured. */
export function keyVariants(key: string): Variant<Buffer>[] {
  return variantsOf(Buffer.from(key), [
    {
      id: 'key-space',
      what: 'The key has white space around it, such as a line break.',
      fix: 'Remove it from the file or variable that holds the key.',
      make: () => (key.trim() === key ? undefined : Buffer.from(key.trim())),
    },
    {
      id: 'key-line-break',
      what: 'The sender signs with a line break at the end of the key.',
      fix: 'The key is used exactly as given. Use the same text on both sides.',
      make: () => (key.endsWith('\n') ? undefined : Buffer.from(`${key}\n`)),
    },
    {
      id: 'key-quotes',
      what: 'The key has quotes around it.',
      fix: 'Remove them, because some programs keep the quotes of an env file.',
      make: () => (/^(["']).*\1$/.test(key) ? Buffer.from(key.slice(1, -1)) : undefined),
    },
    {
      id: 'key-quoted',
      what: 'The sender signs with quotes around the key.',
      fix: "Remove them from the sender's configuration.",
      make: () => (/^["']/.test(key) ? undefined : Buffer.from(`"${key}"`)),
    },
    {
      id: 'key-base64',
      what: 'The key is base64, and the sender signs with the decoded bytes.',
      fix: "Cakemail's key is text that must not be decoded. For other senders pass Buffer.from(key, 'base64').",
      make: () => (/^[A-Za-z0-9+/]{8,}={0,2}$/.test(key) ? Buffer.from(key, 'base64') : undefined),
    },
    {
      id: 'key-hex',
      what: 'The key is hex, and the sender signs with the decoded bytes.',
      fix: "Cakemail's key is text that must not be decoded. For other senders pass Buffer.from(key, 'hex').",
      make: () => (/^([0-9a-f]{2}){4,}$/i.test(key) ? Buffer.from(key, 'hex') : undefined),
    },
  ]);
}
