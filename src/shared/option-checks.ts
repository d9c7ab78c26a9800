import { closestMatch } from './closest-match.js';
import { ConfigurationError } from './errors.js';

// These checks are written by hand because a zod schema for the same options was longer, reported "Invalid input" for a
// union, and took 20 ms to build at each start.

/**
 * Throws for a value that is not an object and for an unknown key, so that a misspelt option is not ignored. `removed` maps
 * the path of a key that no longer exists, such as `timeoutMs.keys`, to the message that names its successor.
 */
export function rejectUnknownKeys(
  name: string | undefined,
  value: unknown,
  known: readonly string[],
  removed?: ReadonlyMap<string, string>,
): void {
  if (typeof value !== 'object' || value === null) throw invalid(`\`${name}\` cannot be ${String(value)}.`);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const path = name === undefined ? key : `${name}.${key}`;
    const successor = removed?.get(path);
    if (successor !== undefined) throw invalid(successor);
    const meant = closestMatch(key, known);
    throw invalid(`There is no option \`${path}\`.${meant === undefined ? '' : ` Did you mean \`${meant}\`?`}`);
  }
}

/** Returns an integer from 1 to `max`, or the fallback when the option was left out. */
export function positiveInteger(
  name: string,
  value: number | undefined,
  fallback: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value > 0 && value <= max) return value;
  throw invalid(`\`${name}\` must be a whole number from 1 to ${max}.`);
}

/** Returns the value, or false when the option was left out. */
export function boolean(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(`\`${name}\` must be true or false.`);
}

/** Returns the value, or the first of the choices when the option was left out. */
export function oneOf<const T extends string>(name: string, value: T | undefined, choices: readonly [T, ...T[]]): T {
  if (value === undefined) return choices[0];
  if (choices.includes(value)) return value;
  throw invalid(`\`${name}\` must be ${choices.map((each) => `'${each}'`).join(' or ')}.`);
}

/** Creates the error of an invalid option. `message` names the option and what it must be. */
export function invalid(message: string): ConfigurationError {
  return new ConfigurationError('ERR_OPTION_INVALID', message);
}
