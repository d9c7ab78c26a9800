const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const LINE_BREAK = 0x0a;

/** The largest ratio of the lengths, because each line of a deeply nested body begins with many spaces. */
const MAX_GROWTH = 16;

/**
 * Formats compact JSON: with an indent as `JSON.stringify(value, null, indent)` does, or without one on a single line with a
 * space after each colon and comma, as Python's `json.dumps` does. Returns undefined when the result would be more than 16
 * times as long.
 */
export function formatJson(compact: Buffer, indent: number | undefined): Buffer | undefined {
  const max = compact.length * MAX_GROWTH;
  const out = Buffer.allocUnsafe(max);
  let length = 0;
  let depth = 0;
  let isInText = false;

  /** Returns false when the result would be too long. */
  function breakLine(): boolean {
    if (indent === undefined) return true;
    const end = length + 1 + depth * indent;
    if (end > max) return false;
    out[length] = LINE_BREAK;
    out.fill(SPACE, length + 1, end);
    length = end;
    return true;
  }

  for (let at = 0; at < compact.length; at++) {
    const byte = compact[at] as number;
    if (!isInText && isClosingBracket(byte)) {
      depth--;
      if (!isOpeningBracket(compact[at - 1]) && !breakLine()) return undefined;
    }
    if (length + 2 > max) return undefined; // room for a byte, and for the space or the escaped byte after it
    out[length++] = byte;
    if (byte === QUOTE) isInText = !isInText;
    else if (isInText && byte === BACKSLASH) out[length++] = compact[++at] as number;
    else if (isInText) continue;
    else if (byte === COLON || (byte === COMMA && indent === undefined)) out[length++] = SPACE;
    else if (byte === COMMA && !breakLine()) return undefined;
    else if (isOpeningBracket(byte)) {
      depth++;
      if (!isClosingBracket(compact[at + 1]) && !breakLine()) return undefined;
    }
  }
  return Buffer.from(out.subarray(0, length));
}

/**
 * Returns true when brackets nest deeper than `depth` in a text that may be JSON. `JSON.stringify` takes time in proportion to
 * the depth times the number of elements, because it compares each element with all its ancestors.
 */
export function isDeeperThan(depth: number, text: Buffer): boolean {
  let level = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === QUOTE) isInText = !isInText;
    else if (isInText) at += byte === BACKSLASH ? 1 : 0;
    else if (isOpeningBracket(byte)) level++;
    else if (isClosingBracket(byte)) level--;
    if (level > depth) return true;
  }
  return false;
}

function isOpeningBracket(byte: number | undefined): boolean {
  return byte === 0x5b || byte === 0x7b;
}

function isClosingBracket(byte: number | undefined): boolean {
  return byte === 0x5d || byte === 0x7d;
}
