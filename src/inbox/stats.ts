import type { InboxCounts, InboxState, InboxStats } from './contract.js';

/** The number of deliveries of one event in one state. */
export interface EventCount {
  readonly event: string;
  readonly state: InboxState;
  readonly count: number;
  /** When the oldest of them was received, in Unix milliseconds. */
  readonly oldest: number;
}

const NONE: InboxCounts = { waiting: 0, active: 0, done: 0, dead: 0 };

export function toStats(eventCounts: Iterable<EventCount>, now: number): InboxStats {
  const counts = { ...NONE };
  // Without a prototype, because the names of events come from outside.
  const events: Record<string, Record<InboxState, number>> = Object.create(null);
  let oldestPending = now;
  for (const { event, state, count, oldest } of eventCounts) {
    events[event] ??= { ...NONE };
    events[event][state] += count;
    counts[state] += count;
    if (state === 'waiting' || state === 'active') oldestPending = Math.min(oldestPending, oldest);
  }
  return { ...counts, oldestAgeMs: now - oldestPending, events };
}
