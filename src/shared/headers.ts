import type { IncomingHttpHeaders } from 'node:http';

/** Headers in the forms of Node, of Fetch and of serverless platforms. */
export type HeadersInput =
  | IncomingHttpHeaders
  | Headers
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers as a plain object with lower-case names. */
export type PlainHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The names of the signature header. Sources: Cakemail's guide "Using webhooks", then the newer developer portal. */
export const SIGNATURE_HEADERS = ['x-signature', 'x-cakemail-signature'] as const;

const SECRET_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  ...SIGNATURE_HEADERS,
]);

/** Returns every value of a header (`name` in lower case). A header that was sent twice gives several values or a list. */
export function headerValues(headers: HeadersInput, name: string): readonly unknown[] {
  if (isFetchHeaders(headers)) {
    const value = headers.get(name);
    return value === null ? [] : [value];
  }
  const values: unknown[] = [];
  for (const key of Object.keys(headers)) {
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    const value: unknown = headers[key];
    if (value !== undefined && value !== null) values.push(value);
  }
  return values;
}

/** Returns the headers without credentials, cookies and signatures. `signatureNames` are the configured names in lower case. */
export function withoutSecrets(headers: HeadersInput, signatureNames: readonly string[]): PlainHeaders {
  const entries = isFetchHeaders(headers) ? [...headers.entries()] : Object.entries(headers);
  return Object.fromEntries(
    entries
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !SECRET_HEADERS.has(name) && !signatureNames.includes(name)),
  );
}

function isFetchHeaders(headers: HeadersInput): headers is Headers {
  return typeof headers.get === 'function' && typeof headers.entries === 'function';
}
