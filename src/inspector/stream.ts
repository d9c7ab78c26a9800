import type { ServerResponse } from 'node:http';
import { summaryOf } from './entry.js';
import type { History } from './history.js';
import type { StreamPart } from './wire.js';

/** Milliseconds for which changes are gathered. */
const GATHER_MS = 50;
const HEARTBEAT_MS = 15_000;
const MOST_A_PART = 500;

/** Sends every page that looks what there is, and then what changes, as server-sent events. */
export class Streams {
  readonly #open = new Set<() => void>();

  constructor(private readonly history: History) {}

  open(res: ServerResponse): void {
    const { history } = this;
    // What a slow page has not been told yet; told once, however often it changed.
    const pending = new Set([...history.all()].map(({ key }) => key));
    let timer: NodeJS.Timeout | undefined;
    let isFull = false;

    function flush(): void {
      timer = undefined;
      while (pending.size > 0 && !isFull) {
        const keys = [...pending].slice(0, MOST_A_PART);
        for (const key of keys) pending.delete(key);
        const entries = keys.flatMap((key) => history.get(key) ?? []);
        const part: StreamPart = { oldest: history.oldest, deliveries: entries.map(summaryOf) };
        isFull = !res.write(`event: deliveries\ndata: ${JSON.stringify(part)}\n\n`);
      }
    }

    const stopListening = history.listen(({ key }) => {
      pending.add(key);
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
  }

  close(): void {
    for (const close of [...this.#open]) close();
  }
}
