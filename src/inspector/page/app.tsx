import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { PageSettings } from '../server/protocol.js';
import { Detail } from './detail.js';
import { EVERYTHING, type Filter, matches } from './filter.js';
import { Filters } from './filters.js';
import { Inbox } from './inbox-view.js';
import { type Command, useKeyboard } from './keyboard.js';
import { List } from './list.js';
import { Plots } from './plots.js';
import { server } from './requests.js';
import { Store, useStore } from './state.js';
import { ThemeButton } from './theme.js';

const SEARCH_MS = 200;
const NONE: ReadonlySet<number> = new Set();

export function App() {
  const store = useMemo(() => new Store(), []);
  useStore(store);
  const [settings, setSettings] = useState<PageSettings>();
  const [filter, setFilter] = useState<Filter>(EVERYTHING);
  const [selected, setSelected] = useState<number>();
  const [isInbox, setIsInbox] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const inBody = useBodySearch(filter.text, store.version);

  useEffect(() => {
    if (store.isConnected) server.settings().then(setSettings, () => {});
  }, [store.isConnected]);

  const all = useMemo(() => store.all(), [store.version]);
  const shown = useMemo(() => all.filter((each) => matches(each, filter, inBody)), [all, filter, inBody]);

  const move = useCallback(
    (step: number): void => {
      const index = shown.findIndex(({ key }) => key === selected);
      const next = shown[index < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, index + step))];
      if (next !== undefined) setSelected(next.key);
    },
    [shown, selected],
  );
  const commands: Partial<Record<string, Command>> = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    '/': () => search.current?.focus(),
    Escape: () => setSelected(undefined),
  };
  useKeyboard(isInbox ? {} : commands);

  const delivery = selected === undefined ? undefined : store.get(selected);
  return (
    <div class={delivery && !isInbox ? 'app has-detail' : 'app'}>
      <header>
        <h1>Cakemail webhooks</h1>
        <span class={store.isConnected ? 'connection on' : 'connection off'} role="status">
          {store.isConnected ? 'live' : 'not connected; trying again'}
        </span>
        {settings?.hasInbox && (
          <nav>
            <button type="button" aria-pressed={!isInbox} onClick={() => setIsInbox(false)}>
              Deliveries
            </button>
            <button type="button" aria-pressed={isInbox} onClick={() => setIsInbox(true)}>
              Inbox
            </button>
          </nav>
        )}
        <ThemeButton />
      </header>
      {isInbox ? (
        <Inbox />
      ) : (
        <main>
          <section class="overview">
            <Plots deliveries={shown} />
            <Filters all={all} filter={filter} count={shown.length} search={search} onChange={setFilter} />
            <List deliveries={shown} selected={selected} onSelect={setSelected} />
          </section>
          {delivery ? (
            <Detail key={delivery.key} summary={delivery} settings={settings} onClose={() => setSelected(undefined)} />
          ) : (
            <aside class="hint">
              {all.length === 0 ? (
                <p>
                  No delivery has arrived yet. Send one: <code>npx cakemail-webhooks trigger User.LoggedIn</code>
                </p>
              ) : (
                <p>
                  Choose a delivery. Keys: <kbd>j</kbd> <kbd>k</kbd> or arrows to move, <kbd>/</kbd> to search,{' '}
                  <kbd>r</kbd> to replay, <kbd>Esc</kbd> to close.
                </p>
              )}
            </aside>
          )}
        </main>
      )}
    </div>
  );
}

/** The list holds no bodies, so the server searches them: shortly after the last keystroke, and again after each change. */
function useBodySearch(text: string, version: number): ReadonlySet<number> {
  const [found, setFound] = useState(NONE);
  const latest = useRef(version);
  latest.current = version;
  useEffect(() => {
    if (text.trim() === '') {
      setFound(NONE);
      return;
    }
    let isOver = false;
    let asked: number | undefined;
    let timer = setTimeout(ask, SEARCH_MS);
    async function ask(): Promise<void> {
      if (asked !== latest.current) {
        asked = latest.current;
        const answer = await server.search(text.trim()).catch(() => undefined);
        if (isOver) return;
        if (answer !== undefined) setFound(new Set(answer.keys));
      }
      timer = setTimeout(ask, SEARCH_MS);
    }
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [text]);
  return found;
}
