import type { ServerResponse } from 'node:http';
import { summaryOf } from './entry.js';
import type { History } from './history.js';
import type { StreamPart } from './protocol.js';

/** Milliseconds for which the stream collects changes. */
const GATHER_MS = 50;
const HEARTBEAT_MS = 15_000;
const MAX_PER_PART = 500;
/** Above this number of unsent keys, a slow stream drops those that the history has forgotten. */
const MAX_PENDING = 20_000;

/** Sends each open page all entries, and then the changed ones, as server-sent events. */
export class Streams {
  readonly #open = new Set<() => void>();
  #isClosed = false;

  constructor(private readonly history: History) {}

  /** Returns false after `close()`. */
  open(res: ServerResponse): boolean {
    if (this.#isClosed) return false;
    if (res.closed || res.destroyed) return true; // the client left while `authorize` ran
    const { history } = this;
    // The keys that this page has not received yet. An entry that changes several times is sent once.
    const pending = new Set([...history.all()].map(({ key }) => key));
    let timer: NodeJS.Timeout | undefined;
    let isFull = false;

    function flush(): void {
      timer = undefined;
      let keys: number[] = [];
      const send = (): void => {
        const entries = keys.flatMap((key) => history.get(key) ?? []);
        const part: StreamPart = { oldest: history.oldest, deliveries: entries.map(summaryOf) };
        isFull = !res.write(`event: deliveries\ndata: ${JSON.stringify(part)}\n\n`);
        keys = [];
      };
      for (const key of pending) {
        if (isFull) return;
        pending.delete(key);
        keys.push(key);
        if (keys.length === MAX_PER_PART) send();
      }
      if (keys.length > 0) send();
    }

    const stopListening = history.listen(({ key }) => {
      pending.add(key);
      if (pending.size > MAX_PENDING) for (const each of pending) if (each < history.oldest) pending.delete(each);
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
    // The page discards what it has, because the server may be a new process.
    res.write('retry: 1000\nevent: reset\ndata: {}\n\n');
    flush();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const close of [...this.#open]) close();
  }
}
