/** How many secrets are remembered: tokens are renewed for as long as a process runs. */
const MOST = 50;

/** The secrets of a session. What comes from outside may quote them, and must not be shown with them. */
export class Secrets {
  readonly #patterns = new Map<string, RegExp>();

  add(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) {
      if (secret === undefined || secret === '') continue;
      this.#patterns.delete(secret);
      this.#patterns.set(secret, patternOf(secret));
    }
    // The first is what the session was made with; after it the oldest go.
    for (const old of [...this.#patterns.keys()].slice(1, Math.max(1, this.#patterns.size - MOST))) {
      this.#patterns.delete(old);
    }
  }

  /** A text without them, as they are or encoded for a URL, a form or JSON. */
  redact(text: string): string {
    // The longest first: a shorter one may be part of it.
    const patterns = [...this.#patterns].sort(([a], [b]) => b.length - a.length);
    return patterns.reduce((said, [, pattern]) => said.replace(pattern, '…'), text);
  }
}

const SHORT: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't' };

/** Matches every character in each of its encodings: those who encode differ in what they leave as it is. */
function patternOf(secret: string): RegExp {
  return new RegExp([...secret].map((character) => `(?:${formsOf(character).join('|')})`).join(''), 'g');
}

function formsOf(character: string): string[] {
  const bytes = [...Buffer.from(character)].map((byte) => `%${hex(byte, 2)}`).join('');
  const units = character.split('').map((unit) => `\\\\u${hex(unit.charCodeAt(0), 4)}`);
  const short = '"\\/'.includes(character) ? character : SHORT[character];
  return [
    units.join(''),
    bytes,
    ...(short === undefined ? [] : [`\\\\${literal(short)}`]),
    ...(character === ' ' ? ['\\+'] : []),
    literal(character),
  ];
}

function hex(code: number, digits: number): string {
  const text = code.toString(16).padStart(digits, '0');
  return text.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
