import { invalid } from '../shared/option-checks.js';
import { MemoryDedupeStore, type MemoryOptions } from './memory-store.js';
import type { DedupeStore } from './store.js';

/** Returns the store for the option `dedupe`, or undefined when it is off. Throws a ConfigurationError for other values. */
export function resolveStore(value: boolean | MemoryOptions | DedupeStore = true): DedupeStore | undefined {
  if (value === false) return undefined;
  if (value === true) return new MemoryDedupeStore();
  if (typeof value === 'object' && value !== null && 'reserve' in value) {
    const complete = [value.reserve, value.finish, value.release].every((method) => typeof method === 'function');
    if (!complete) throw invalid('A `dedupe` store needs the methods reserve, finish and release.');
    return value;
  }
  return new MemoryDedupeStore(value);
}
