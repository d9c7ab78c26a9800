import { SIGNATURE_HEADERS } from '../shared/headers.js';
import { invalid } from '../shared/option-checks.js';

/**
 * Headers whose duplicates Node drops or joins (see `message.headers` in the documentation of node:http). A signature that
 * was sent twice must be refused, which is impossible in these headers.
 */
const DUPLICATES_HIDDEN: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'cookie',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'set-cookie',
  'user-agent',
]);

/** Returns the names in lower case. Throws a ConfigurationError for a name that cannot carry a signature. */
export function resolveHeaderNames(option: string | readonly string[] = SIGNATURE_HEADERS): string[] {
  const names: readonly string[] = Array.isArray(option) ? option : [option];
  const valid =
    names.length > 0 && names.every((name) => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name));
  if (!valid) throw invalid('`signatureHeader` must be the name of an HTTP header, or a list of names.');
  const lowerCase = names.map((name) => name.toLowerCase());
  for (const name of lowerCase) {
    if (!DUPLICATES_HIDDEN.has(name)) continue;
    throw invalid(`\`signatureHeader\` cannot be '${name}', because Node hides it when that header is sent twice.`);
  }
  return lowerCase;
}
