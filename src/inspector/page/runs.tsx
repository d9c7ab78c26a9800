import type { HandlerTrace, Run } from '../server/protocol.js';
import { clock, milliseconds } from './labels.js';

/** Shows each run with its handlers, their durations and their errors. */
export function Runs({ runs }: { readonly runs: readonly Run[] }) {
  if (runs.length === 0) return null;
  return (
    <section class="runs" aria-label="Handlers">
      <h3>Handlers</h3>
      {runs.map((run, index) => (
        <details key={run.at} open={index === runs.length - 1}>
          <summary>
            <span class={`badge ${run.outcome}`}>{run.outcome}</span> {clock(run.at)} {milliseconds(run.durationMs)}
            {run.attempt > 1 && ` · attempt ${run.attempt}`}
            {run.attempt === 1 && index > 0 && ' · replayed'}
          </summary>
          {run.error && <p class="error">{run.error}</p>}
          {run.handlers.length === 0 ? (
            <p>None ran.</p>
          ) : (
            <ul>
              {run.handlers.map((trace, place) => (
                <Handler key={place} trace={trace} isOver={run.outcome !== 'running'} />
              ))}
            </ul>
          )}
        </details>
      ))}
    </section>
  );
}

function Handler({ trace, isOver }: { readonly trace: HandlerTrace; readonly isOver: boolean }) {
  const { name, durationMs, error } = trace;
  return (
    <li class={error ? 'bad' : 'good'}>
      <code>{name}</code> {durationMs === null ? (isOver ? 'ran out of time' : 'running') : milliseconds(durationMs)}
      {error && <pre class="error">{error}</pre>}
    </li>
  );
}
