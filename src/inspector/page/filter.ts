import type { DeliverySummary, ShownOutcome } from '../server/protocol.js';

export interface Filter {
  readonly text: string;
  readonly event: string;
  readonly outcome: ShownOutcome | '';
}

export const EVERYTHING: Filter = { text: '', event: '', outcome: '' };

/** `inBody` holds the keys of the deliveries in whose bodies the server found the text. */
export function matches(delivery: DeliverySummary, filter: Filter, inBody: ReadonlySet<number>): boolean {
  const { event, outcome, reason, id, key } = delivery;
  if (filter.event !== '' && event !== filter.event) return false;
  if (filter.outcome !== '' && outcome !== filter.outcome) return false;
  const text = filter.text.trim().toLowerCase();
  if (text === '' || inBody.has(key)) return true;
  return [event, outcome, reason, id].some((each) => each?.toLowerCase().includes(text));
}
