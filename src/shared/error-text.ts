import { isNativeError } from 'node:util/types';

/** Turns a thrown value into an Error, because JavaScript code can throw a string or null. */
export function toError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  return new Error(`A value that is not an Error was thrown: ${textOf(thrown)}`, { cause: thrown });
}

/** Accepts errors of another realm too, such as a vm's. It catches what `instanceof` throws for a revoked Proxy. */
export function isError(value: unknown): value is Error {
  if (isNativeError(value)) return true;
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

/** Reads an error's name, message or stack as text, even when its getter throws or returns something else. */
export function readText(error: Error | ErrorSummary, member: 'name' | 'message' | 'stack'): string {
  try {
    return String((error as Error)[member]);
  } catch {
    return 'unreadable';
  }
}

/** The stored name and message of an error that another process may have thrown. It has no stack. */
export interface ErrorSummary {
  readonly name: string;
  readonly message: string;
}

/** Converts any value to text, even when its own toString throws. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'an object that cannot be shown';
  }
}
