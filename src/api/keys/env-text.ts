import util from 'node:util';
import { ConfigurationError } from '../../shared/errors.js';

const BOM = '\u00ef\u00bb\u00bf';

/** Where a variable is defined in an env file. */
interface Definition {
  readonly start: number;
  /** Of the line on which the value ends, without its line break. */
  readonly end: number;
  readonly isExported: boolean;
  /** What follows the value, if it is a comment. */
  readonly comment: string;
}

/**
 * The text of an env file in which a variable has this value, and one definition: in the place of the first, or at the end.
 * All else stays as it is. Lines are read as Node does: a quoted value ends with its quote, on whichever line.
 *
 * @param text Its bytes, a character each (latin1): the file may be in any encoding.
 * @param value Of visible ASCII and spaces, without a single quote.
 * @throws {ConfigurationError} where it is not clear what belongs to what.
 */
export function withVariable(text: string, name: string, value: string): string {
  const found = [...definitionsOf(text, name)];
  const [first, ...others] = found;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  if (first === undefined) {
    const separator = text === '' || text.endsWith('\n') ? '' : eol;
    return checked(text, `${text}${separator}${name}='${value}'${eol}`, name, value);
  }
  let after = text;
  for (const { start, end } of others.reverse()) after = after.slice(0, start) + after.slice(pastBreak(after, end));
  const line = `${first.isExported ? 'export ' : ''}${name}='${value}'${first.comment}`;
  // Before a definition a byte order mark would be part of the name, for Node.
  const before = text.slice(0, first.start);
  return checked(text, (before === BOM ? '' : before) + line + after.slice(first.end), name, value);
}

function* definitionsOf(text: string, name: string): Generator<Definition> {
  const ours = new RegExp(`^[ \\t]*(export[ \\t]+)?${name}[ \\t]*$`);
  for (let start = text.startsWith(BOM) ? BOM.length : 0; start < text.length; ) {
    const lineEnd = endOfLine(text, start);
    const equal = text.slice(start, lineEnd).indexOf('=');
    const key = text.slice(start, start + equal);
    if (equal < 0 || /^[ \t]*#/.test(key)) {
      start = pastBreak(text, lineEnd);
      continue;
    }
    const close = closingQuote(text, start + equal + 1, lineEnd, key);
    const end = close === undefined ? lineEnd : endOfLine(text, close);
    const match = ours.exec(key);
    if (match !== null) {
      if (text.slice(start, end).includes('\r') && /\r(?!\n)/.test(text.slice(start, end))) {
        throw unclear(`has a line break of the old Mac kind within ${name}`);
      }
      if (close !== undefined && endOfLine(text, unescapedQuote(text, close)) !== end) {
        throw unclear(`has an escaped quote in ${name}, after which programs disagree on where it ends`);
      }
      const rest = close === undefined ? '' : text.slice(close + 1, end);
      yield { start, end, isExported: match[1] !== undefined, comment: /^[ \t]+#/.test(rest) ? rest : '' };
    }
    start = pastBreak(text, end);
  }
}

/** Undefined for a value without quotes. */
function closingQuote(text: string, from: number, lineEnd: number, key: string): number | undefined {
  const [, space = '', quote] = /^([ \t]*)(["'`])/.exec(text.slice(from, lineEnd)) ?? [];
  if (quote === undefined) return undefined;
  const close = text.indexOf(quote, from + space.length + 1);
  if (close < 0) throw unclear(`never closes the quote after ${/^[\w. \t-]{1,60}$/.test(key) ? key.trim() : 'a name'}`);
  return close;
}

/** Where those that know escapes see the end of the value. */
function unescapedQuote(text: string, close: number): number {
  const quote = text[close] as string;
  for (let at = close; at >= 0; at = text.indexOf(quote, at + 1)) if (text[at - 1] !== '\\') return at;
  return close;
}

/** Without the line break, of either kind. */
function endOfLine(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  if (at < 0) return text.length;
  return at > from && text[at - 1] === '\r' ? at - 1 : at;
}

function pastBreak(text: string, end: number): number {
  const at = text.indexOf('\n', end);
  return at < 0 ? text.length : at + 1;
}

/** Nothing is written that Node would not read as it was meant: its rules for odd lines changed several times. */
function checked(before: string, after: string, name: string, value: string): string {
  if (util.parseEnv === undefined) return after; // Node has it from 20.12 on
  const isAsBefore = util.isDeepStrictEqual(othersOf(before, name), othersOf(after, name));
  if (isAsBefore && util.parseEnv(after)[name] === value) return after;
  throw unclear('has a line near it that is neither a comment nor a definition');
}

/** What Node reads but the variable, which it may have read by another name: with spaces or a byte order mark. */
function othersOf(text: string, name: string): object {
  const variables = Object.entries(util.parseEnv(text.startsWith(BOM) ? text.slice(BOM.length) : text));
  return Object.fromEntries(variables.filter(([key]) => key.replace(/^\s*export\s/, '').trim() !== name));
}

function unclear(what: string): ConfigurationError {
  const message = `The env file ${what}. Nothing was written: correct the file, or name another one.`;
  return new ConfigurationError('ERR_OPTION_INVALID', message);
}
