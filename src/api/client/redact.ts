/** The number of secrets that are remembered, because a process that runs for months renews its token many times. */
const MAX_SECRETS = 50;

/** The secrets of a session, which a response may quote and no error may show. */
export class Secrets {
  readonly #patterns = new Map<string, RegExp>();

  add(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) {
      if (secret === undefined || secret === '') continue;
      this.#patterns.delete(secret);
      this.#patterns.set(secret, patternOf(secret));
    }
    // The first secret is the client's own credential and stays; the oldest tokens after it are dropped.
    for (const old of [...this.#patterns.keys()].slice(1, Math.max(1, this.#patterns.size - MAX_SECRETS))) {
      this.#patterns.delete(old);
    }
  }

  /** Replaces every secret in a text, whether it is plain or encoded for a URL, a form or JSON. */
  redact(text: string): string {
    // The longest comes first, because a shorter one may be part of it.
    const patterns = [...this.#patterns].sort(([a], [b]) => b.length - a.length);
    return patterns.reduce((redacted, [, pattern]) => redacted.replace(pattern, '…'), text);
  }
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't' };

/** Matches each character in all of its encodings, because encoders differ in what they leave unencoded. */
function patternOf(secret: string): RegExp {
  return new RegExp([...secret].map((character) => `(?:${encodingsOf(character).join('|')})`).join(''), 'g');
}

function encodingsOf(character: string): string[] {
  const percentEncoded = [...Buffer.from(character)].map((byte) => `%${hex(byte, 2)}`).join('');
  const unicodeEscaped = character.split('').map((unit) => `\\\\u${hex(unit.charCodeAt(0), 4)}`);
  const shortEscape = '"\\/'.includes(character) ? character : SHORT_ESCAPES[character];
  return [
    unicodeEscaped.join(''),
    percentEncoded,
    ...(shortEscape === undefined ? [] : [`\\\\${escapeRegExp(shortEscape)}`]),
    ...(character === ' ' ? ['\\+'] : []),
    escapeRegExp(character),
  ];
}

/** A pattern for a number in hexadecimal, in upper or lower case. */
function hex(code: number, digits: number): string {
  const text = code.toString(16).padStart(digits, '0');
  return text.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

function escapeRegExp(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
