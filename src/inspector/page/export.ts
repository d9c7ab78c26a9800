import type { PageSettings } from '../server/protocol.js';

/** Decodes base64 as UTF-8 text. Returns undefined when the bytes are not UTF-8. */
export function textOf(base64: string): string | undefined {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Builds a command that signs and sends a body. The key stays in the shell's environment, out of this page. */
export function curlOf(bodyBase64: string, { endpoint, signatureHeader }: PageSettings): string {
  const url = new URL(endpoint, location.origin).href;
  const body = textOf(bodyBase64);
  // A terminal interprets control characters as keys, even within quotes.
  const isPlain = body !== undefined && !/[^\P{Cc}\n]/u.test(body);
  return [
    `body() { ${isPlain ? `printf %s ${quoted(body)}` : `printf %s ${bodyBase64} | openssl base64 -d -A`}; }`,
    'signature=$(body | openssl dgst -sha256 -hmac "$CAKEMAIL_WEBHOOK_SECRET" -binary | openssl base64 -A)',
    `body | curl -i -X POST ${quoted(url)} -H 'content-type: application/json' -H ${quoted(signatureHeader)}": $signature" --data-binary @-`,
  ].join('\n');
}

/** Quotes any text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export async function copy(text: string): Promise<void> {
  // Browsers offer the clipboard only on https and on localhost.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement('textarea'), { value: text });
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  if (!isCopied) throw new Error('This browser does not let the page copy.');
}
