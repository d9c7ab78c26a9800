import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { DeliverySummary } from '../server/protocol.js';
import { bytes, clock, milliseconds, nameOf } from './labels.js';

/** The height of a row in pixels, as in the style sheet. */
const ROW = 44;
/** The number of extra rows above and below the visible ones, so that scrolling shows no gaps. */
const SPARE = 8;

interface Props {
  readonly deliveries: readonly DeliverySummary[];
  readonly selected: number | undefined;
  readonly onSelect: (key: number) => void;
}

/** Renders only the visible rows, because there may be 10,000. */
export function List({ deliveries, selected, onSelect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const newest = deliveries[0]?.key;

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = (): void => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);

  // The visible rows stay in place while new ones arrive above them.
  const before = useRef(deliveries);
  useLayoutEffect(() => {
    const element = box.current;
    const top = before.current[0]?.key;
    before.current = deliveries;
    if (element === null || top === undefined || element.scrollTop < ROW) return;
    const added = deliveries.findIndex(({ key }) => key <= top);
    if (added > 0) element.scrollTop += added * ROW;
  }, [newest]);

  // The keyboard may move the selection out of sight.
  useEffect(() => {
    const element = box.current;
    const index = deliveries.findIndex(({ key }) => key === selected);
    if (element === null || index < 0) return;
    const top = index * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + element.clientHeight) element.scrollTop = top + ROW - element.clientHeight;
  }, [selected]);

  const first = Math.max(0, Math.floor(view.top / ROW) - SPARE);
  const some = deliveries.slice(first, first + Math.ceil(view.height / ROW) + 2 * SPARE);
  return (
    <div class="list" ref={box} role="listbox" aria-label="Deliveries" tabIndex={-1}>
      <div class="rows" style={{ height: `${deliveries.length * ROW}px` }}>
        {some.map((delivery, index) => (
          <Row
            key={delivery.key}
            delivery={delivery}
            place={first + index}
            count={deliveries.length}
            isSelected={delivery.key === selected}
            onSelect={onSelect}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  readonly delivery: DeliverySummary;
  readonly place: number;
  readonly count: number;
  readonly isSelected: boolean;
  readonly onSelect: (key: number) => void;
}

function Row({ delivery, place, count, isSelected, onSelect }: RowProps) {
  const { key, outcome, reason, status, at, bytes: size, durationMs, attempts, origin } = delivery;
  return (
    <button
      type="button"
      class={`row ${outcome}`}
      role="option"
      aria-selected={isSelected}
      aria-posinset={place + 1}
      aria-setsize={count}
      style={{ transform: `translateY(${place * ROW}px)` }}
      onClick={() => onSelect(key)}
    >
      <span class="status">{status ?? '···'}</span>
      <span class="what">
        <b>{nameOf(delivery)}</b>
        <small>
          {outcome}
          {reason && `: ${reason}`}
          {attempts > 1 && ` · ${attempts} runs`}
          {origin !== 'received' && ` · ${origin}`}
        </small>
      </span>
      <span class="numbers">
        <time>{clock(at)}</time>
        <small>
          {bytes(size)} {milliseconds(durationMs)}
        </small>
      </span>
    </button>
  );
}
