import type { ServerResponse } from 'node:http';
import { summaryOf } from './entry.js';
import type { History } from './history.js';
import type { StreamPart } from './protocol.js';

/** Milliseconds for which changes are gathered. */
const GATHER_MS = 50;
const HEARTBEAT_MS = 15_000;
const MOST_A_PART = 500;
/** Keys that a reader who does not read has not been told of, above which those that are forgotten are left out. */
const MOST_PENDING = 20_000;

/** Sends every page that looks what there is, and then what changes, as server-sent events. */
export class Streams {
  readonly #open = new Set<() => void>();
  #isClosed = false;

  constructor(private readonly history: History) {}

  /** Says no when it is over. */
  open(res: ServerResponse): boolean {
    if (this.#isClosed) return false;
    if (res.closed || res.destroyed) return true; // it has gone while it was looked at who it is
    const { history } = this;
    // What a slow page has not been told yet; told once, however often it changed.
    const pending = new Set([...history.all()].map(({ key }) => key));
    let timer: NodeJS.Timeout | undefined;
    let isFull = false;

    function flush(): void {
      timer = undefined;
      let keys: number[] = [];
      const tell = (): void => {
        const entries = keys.flatMap((key) => history.get(key) ?? []);
        const part: StreamPart = { oldest: history.oldest, deliveries: entries.map(summaryOf) };
        isFull = !res.write(`event: deliveries\ndata: ${JSON.stringify(part)}\n\n`);
        keys = [];
      };
      for (const key of pending) {
        if (isFull) return;
        pending.delete(key);
        keys.push(key);
        if (keys.length === MOST_A_PART) tell();
      }
      if (keys.length > 0) tell();
    }

    const stopListening = history.listen(({ key }) => {
      pending.add(key);
      if (pending.size > MOST_PENDING) for (const each of pending) if (each < history.oldest) pending.delete(each);
      timer ??= setTimeout(flush, GATHER_MS);
    });
    const heartbeat = setInterval(() => isFull || res.write(':\n\n'), HEARTBEAT_MS);
    const close = (): void => {
      stopListening();
      clearTimeout(timer);
      clearInterval(heartbeat);
      this.#open.delete(close);
      res.end();
    };
    this.#open.add(close);
    res.on('close', close);
    res.on('drain', () => {
      isFull = false;
      flush();
    });
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    // The page forgets what it had: this may be another process than before.
    res.write('retry: 1000\nevent: reset\ndata: {}\n\n');
    flush();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const close of [...this.#open]) close();
  }
}
