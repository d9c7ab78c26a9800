import { useEffect, useState } from 'preact/hooks';
import type { InboxView, PlainInboxDelivery, PlainInboxEntry } from '../server/protocol.js';
import { Body } from './body.js';
import { textOf } from './export.js';
import { reasonLabel } from './labels.js';
import { server } from './requests.js';

const POLL_MS = 2_000;
const STATES = ['waiting', 'active', 'done', 'dead'] as const;

/** Shows the deliveries of the inbox by state, and replays them. */
export function Inbox() {
  const [state, setState] = useState<(typeof STATES)[number] | ''>('');
  const [event, setEvent] = useState('');
  const [view, setView] = useState<InboxView>();
  const [said, setSaid] = useState('');
  const [opened, setOpened] = useState<PlainInboxDelivery>();
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    let isOver = false;
    server.inbox({ state, event }).then(
      (found) => isOver || setView(found),
      (error: Error) => isOver || setSaid(error.message),
    );
    const timer = setTimeout(() => setTurn(turn + 1), POLL_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [state, event, turn]);

  function replay(which: object): void {
    server.replayInbox(which).then(
      ({ replayed }) => {
        setSaid(`${replayed} will be handled again`);
        setTurn(turn + 1);
      },
      (error: Error) => setSaid(error.message),
    );
  }

  const stats = view?.stats;
  const canReplay = state !== '' || event !== '';
  return (
    <main class="inbox">
      <section class="overview">
        <fieldset class="states" aria-label="State">
          {STATES.map((each) => (
            <button
              type="button"
              key={each}
              aria-pressed={state === each}
              onClick={() => setState(state === each ? '' : each)}
            >
              <b>{stats?.[each] ?? '·'}</b> {each}
            </button>
          ))}
        </fieldset>
        <div class="filters">
          <select aria-label="Event" value={event} onChange={({ currentTarget }) => setEvent(currentTarget.value)}>
            <option value="">every event</option>
            {Object.keys(stats?.events ?? {}).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <button
            type="button"
            disabled={!canReplay}
            title={
              canReplay
                ? 'Replays every done or dead delivery that matches the filter'
                : 'Choose a state or an event first'
            }
            onClick={() => replay({ state, event })}
          >
            Replay these
          </button>
          <output>{said}</output>
          {stats && stats.oldestAgeMs > 0 && <small>the oldest waits {Math.round(stats.oldestAgeMs / 1000)} s</small>}
        </div>
        <ul class="entries" aria-label="Inbox">
          {view?.entries.map((entry) => (
            <Entry
              key={entry.id}
              entry={entry}
              onOpen={() => server.inboxDelivery(entry.id).then(setOpened, (error: Error) => setSaid(error.message))}
              onReplay={() => replay({ id: entry.id })}
            />
          ))}
        </ul>
      </section>
      {opened && (
        <article class="detail">
          <header>
            <button type="button" class="close" onClick={() => setOpened(undefined)} aria-label="Close">
              ←
            </button>
            <h2>{opened.event}</h2>
          </header>
          {opened.error && <pre class="error">{opened.error}</pre>}
          <Body text={textOf(opened.bodyBase64)} bodyBase64={opened.bodyBase64} />
          <p class="id">
            <small>{opened.id}</small>
          </p>
        </article>
      )}
    </main>
  );
}

interface EntryProps {
  readonly entry: PlainInboxEntry;
  readonly onOpen: () => void;
  readonly onReplay: () => void;
}

function Entry({ entry, onOpen, onReplay }: EntryProps) {
  const { event, state, attempts, at, reason, error } = entry;
  const isRetry = state === 'waiting' && attempts > 0;
  return (
    <li class={`entry ${state}`}>
      <button type="button" class="what" onClick={onOpen}>
        <b>{event}</b>
        <small>
          {new Date(entry.receivedAt).toLocaleTimeString([], { hour12: false })} ·{' '}
          {isRetry ? `retrying at ${new Date(at).toLocaleTimeString([], { hour12: false })}` : state}
          {attempts > 0 && ` · ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`}
          {reason && ` · ${reasonLabel('dead', reason)}`}
        </small>
        {error && <small class="error">{error}</small>}
      </button>
      {(state === 'done' || state === 'dead') && (
        <button type="button" onClick={onReplay}>
          Replay
        </button>
      )}
    </li>
  );
}
