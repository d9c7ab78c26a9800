import type { InboxFilter } from '../contract.js';

/** A WHERE clause, and the values for its question marks. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** What fits an id, or all that a filter names. Always a WHERE, so that more may follow with AND. */
export function where(which: string | InboxFilter): Condition {
  if (typeof which === 'string') return { sql: 'WHERE id = ?', values: [which] };
  const { state, event, since } = which;
  const conditions: [sql: string, value: string | number | undefined][] = [
    ['state = ?', state],
    ['event = ?', event],
    ['received_at >= ?', since?.getTime()],
  ];
  const given = conditions.filter((each): each is [string, string | number] => each[1] !== undefined);
  return { sql: `WHERE ${['1', ...given.map(([sql]) => sql)].join(' AND ')}`, values: given.map(([, value]) => value) };
}
