import type { RefObject } from 'preact';
import { useMemo } from 'preact/hooks';
import type { DeliverySummary, ShownOutcome } from '../server/protocol.js';
import { EVERYTHING, type Filter } from './filter.js';
import { OUTCOMES } from './labels.js';

interface Props {
  readonly all: readonly DeliverySummary[];
  readonly filter: Filter;
  readonly count: number;
  readonly search: RefObject<HTMLInputElement | null>;
  readonly onChange: (filter: Filter) => void;
}

export function Filters({ all, filter, count, search, onChange }: Props) {
  const events = useMemo(() => [...new Set(all.flatMap(({ event }) => event ?? []))].sort(), [all]);
  return (
    <search class="filters">
      <input
        ref={search}
        type="search"
        placeholder="Search"
        title="In bodies, events, reasons and ids"
        aria-label="Text"
        value={filter.text}
        onInput={({ currentTarget }) => onChange({ ...filter, text: currentTarget.value })}
      />
      <select
        aria-label="Event"
        value={filter.event}
        onChange={({ currentTarget }) => onChange({ ...filter, event: currentTarget.value })}
      >
        <option value="">every event</option>
        {events.map((event) => (
          <option key={event} value={event}>
            {event}
          </option>
        ))}
      </select>
      <select
        aria-label="Outcome"
        value={filter.outcome}
        onChange={({ currentTarget }) => onChange({ ...filter, outcome: currentTarget.value as ShownOutcome })}
      >
        <option value="">every outcome</option>
        {Object.keys(OUTCOMES).map((outcome) => (
          <option key={outcome} value={outcome}>
            {outcome}
          </option>
        ))}
      </select>
      <span class="count">
        {count === all.length ? `${count}` : `${count} of ${all.length}`}
        {count !== all.length && (
          <button type="button" class="link" onClick={() => onChange(EVERYTHING)}>
            show all
          </button>
        )}
      </span>
    </search>
  );
}
