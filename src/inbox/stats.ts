import type { InboxCounts, InboxState, InboxStats } from './contract.js';

/** How many deliveries there are of one event in one state. */
export interface Tally {
  readonly event: string;
  readonly state: InboxState;
  readonly count: number;
  /** When the oldest of them was received, in Unix milliseconds. */
  readonly oldest: number;
}

export function statsOf(tallies: Iterable<Tally>, now: number): InboxStats {
  const counts = { ...NONE };
  // Without a prototype: the names of events come from outside.
  const events: Record<string, Record<InboxState, number>> = Object.create(null);
  let oldest = now;
  for (const { event, state, count, oldest: received } of tallies) {
    events[event] ??= { ...NONE };
    events[event][state] += count;
    counts[state] += count;
    if (state === 'waiting' || state === 'active') oldest = Math.min(oldest, received);
  }
  return { ...counts, oldestAgeMs: now - oldest, events };
}

const NONE: InboxCounts = { waiting: 0, active: 0, done: 0, dead: 0 };
