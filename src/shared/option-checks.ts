import { nearest } from './closest-match.js';
import { ConfigurationError, textOf } from './errors.js';

/** Refuses what is no object, and a member that does not exist: a misspelt option must not be an option left out. */
export function checkMembers(name: string | undefined, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw invalid(`\`${name}\` cannot be ${textOf(value)}.`);
  for (const member of Object.keys(value)) {
    if (known.includes(member)) continue;
    const path = name === undefined ? member : `${name}.${member}`;
    const meant = nearest(member, known);
    throw invalid(`There is no option \`${path}\`.${meant === undefined ? '' : ` Did you mean \`${meant}\`?`}`);
  }
}

/** A whole number from 1 to `most`. */
export function wholeNumber(
  name: string,
  value: number | undefined,
  fallback: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  throw invalid(`\`${name}\` must be a whole number from 1 to ${most}.`);
}

export function flag(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(`\`${name}\` must be true or false.`);
}

/** One of the choices; the first is the default. */
export function choice<const T extends string>(name: string, value: T | undefined, choices: readonly [T, ...T[]]): T {
  if (value === undefined) return choices[0];
  if (choices.includes(value)) return value;
  throw invalid(`\`${name}\` must be ${choices.map((each) => `'${each}'`).join(' or ')}.`);
}

export function invalid(message: string): ConfigurationError {
  return new ConfigurationError('ERR_OPTION_INVALID', message);
}
