/** The reason why `fetch` got no response. */
export interface FetchFailure extends Error {
  /** The code of the operating system or of Node, if there is one. */
  readonly code?: string;
}

/** Messages of errors without a code. They quote nothing of the response. */
const PLAIN = new Set(['unexpected redirect', 'bad port', 'terminated', 'other side closed']);

/**
 * Finds the cause of the error "fetch failed". The result is a new error, because the original holds parts of the response,
 * and so of keys and tokens, in its members and its message.
 */
export function fetchFailure(thrown: unknown): FetchFailure {
  const { cause } = thrown as { cause?: unknown };
  const { code, syscall, address, port, message } = (cause ?? thrown ?? {}) as Readonly<Record<string, unknown>>;
  const known = typeof code === 'string' && /^[A-Z][A-Z\d_]{1,60}$/.test(code) ? code : undefined;
  if (known === undefined) {
    return new Error(typeof message === 'string' && PLAIN.has(message) ? message : 'the connection failed');
  }
  // The address in an error of the operating system helps to find the mistake.
  const where = known.startsWith('E') && typeof syscall === 'string' ? [address, port] : [];
  const text = [known, ...where.filter((each) => each !== undefined)].join(' ');
  return Object.assign(new Error(text), { code: known });
}
