import { useMemo } from 'preact/hooks';
import type { DeliverySummary } from '../server/protocol.js';
import { milliseconds } from './labels.js';

const BUCKETS = 60;
const WIDTHS = [1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400].map((seconds) => seconds * 1000);
const HEIGHT = 36;
const FAILURES: ReadonlySet<string> = new Set(['rejected', 'failed', 'dead']);

interface Bucket {
  good: number;
  bad: number;
  readonly times: number[];
}

/** Plots the deliveries and failures over time, and how long the handlers took. */
export function Plots({ deliveries }: { readonly deliveries: readonly DeliverySummary[] }) {
  const { buckets, span } = useMemo(() => gather(deliveries), [deliveries]);
  const most = Math.max(1, ...buckets.map(({ good, bad }) => good + bad));
  const failures = buckets.reduce((sum, { bad }) => sum + bad, 0);
  const medians = buckets.map(({ times }) => median(times));
  const slowest = Math.max(1, ...medians.map((each) => each ?? 0));
  const height = (count: number): number => (count / most) * HEIGHT;
  return (
    <div class="plots">
      <figure>
        <svg
          viewBox={`0 0 ${BUCKETS} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label="Deliveries over time"
        >
          {buckets.map(({ good, bad }, index) => (
            <>
              <rect class="good" x={index + 0.1} width={0.8} y={HEIGHT - height(good + bad)} height={height(good)} />
              <rect class="bad" x={index + 0.1} width={0.8} y={HEIGHT - height(bad)} height={height(bad)} />
            </>
          ))}
        </svg>
        <figcaption>
          {deliveries.length} deliveries, {failures} failed, last {span}
        </figcaption>
      </figure>
      <figure>
        <svg viewBox={`0 0 ${BUCKETS} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label="Time taken">
          {medians.map(
            (each, index) =>
              each !== undefined && (
                <rect
                  class="time"
                  x={index + 0.1}
                  width={0.8}
                  y={HEIGHT - Math.max(1, (each / slowest) * HEIGHT)}
                  height={Math.max(1, (each / slowest) * HEIGHT)}
                />
              ),
          )}
        </svg>
        <figcaption>time taken (median), up to {milliseconds(slowest)}</figcaption>
      </figure>
    </div>
  );
}

function gather(deliveries: readonly DeliverySummary[]): {
  readonly buckets: readonly Bucket[];
  readonly span: string;
} {
  const newest = deliveries[0]?.at ?? 0;
  const oldest = deliveries.at(-1)?.at ?? 0;
  const width = WIDTHS.find((each) => newest - oldest < each * (BUCKETS - 1)) ?? (WIDTHS.at(-1) as number);
  const last = Math.floor(newest / width);
  const buckets = Array.from({ length: BUCKETS }, (): Bucket => ({ good: 0, bad: 0, times: [] }));
  for (const { at, outcome, durationMs } of deliveries) {
    const bucket = buckets[BUCKETS - 1 - (last - Math.floor(at / width))];
    if (bucket === undefined) continue;
    if (FAILURES.has(outcome)) bucket.bad++;
    else bucket.good++;
    if (durationMs !== null) bucket.times.push(durationMs);
  }
  const minutes = (width * BUCKETS) / 60_000;
  const span = minutes < 60 ? `${minutes} min` : minutes < 2_880 ? `${minutes / 60} h` : `${minutes / 1_440} days`;
  return { buckets, span };
}

function median(times: number[]): number | undefined {
  return times.sort((a, b) => a - b)[times.length >> 1];
}
