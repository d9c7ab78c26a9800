/** Why there was no answer. */
export interface Cause extends Error {
  readonly code?: string;
}

/** What fetch says without a code, and without a word of the answer. */
const PLAIN = new Set(['unexpected redirect', 'bad port', 'terminated', 'other side closed']);

/**
 * An error of fetch's, without what came over the connection: its own errors keep pieces of the answer, and so of keys and
 * tokens, in their members and messages.
 */
export function cleanCause(thrown: unknown): Cause {
  // fetch says "fetch failed" and no more; what happened is its cause.
  const { cause } = thrown as { cause?: unknown };
  const { code, syscall, address, port, message } = (cause ?? thrown ?? {}) as Readonly<Record<string, unknown>>;
  const known = typeof code === 'string' && /^[A-Z][A-Z\d_]{1,60}$/.test(code) ? code : undefined;
  if (known === undefined) {
    return new Error(typeof message === 'string' && PLAIN.has(message) ? message : 'the connection failed');
  }
  // Of the operating system: which address it was helps.
  const where = known.startsWith('E') && typeof syscall === 'string' ? [address, port] : [];
  const text = [known, ...where.filter((each) => each !== undefined)].join(' ');
  return Object.assign(new Error(text), { code: known });
}
