import type { InboxFilter } from '../contract.js';

/** A WHERE clause, and the values of its placeholders. */
export interface WhereClause {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** Selects a delivery by its id, or all that match a filter. Callers may append further conditions with AND. */
export function whereClause(which: string | InboxFilter): WhereClause {
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
