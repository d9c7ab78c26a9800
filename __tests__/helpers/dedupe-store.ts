import { type DedupeStore, MemoryDedupeStore, type Reservation } from '../../src/index.js';

/** A store in memory that records its calls, and in which a test may replace methods. */
export function storeWith(parts: Partial<DedupeStore>): DedupeStore & { readonly calls: string[] } {
  const memory = new MemoryDedupeStore();
  const calls: string[] = [];
  return {
    calls,
    reserve: (id) => {
      calls.push(`reserve ${id}`);
      return parts.reserve ? parts.reserve(id) : memory.reserve(id);
    },
    finish: (id, token) => {
      calls.push(`finish ${id}`);
      return parts.finish ? parts.finish(id, token) : memory.finish(id);
    },
    release: (id, token) => {
      calls.push(`release ${id}`);
      return parts.release ? parts.release(id, token) : memory.release(id);
    },
  };
}

/** Functions for `reserve` whose result is not a reservation. */
export const INVALID_RESERVES = [
  undefined,
  null,
  true,
  'reserved',
  {},
  { state: 'maybe' },
  [],
  { state: 'reserved', attempt: 'x' },
].map((answer) => ({
  what: `returns ${JSON.stringify(answer)}`,
  reserve: () => answer as Reservation,
}));
