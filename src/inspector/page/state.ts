import { useLayoutEffect, useReducer } from 'preact/hooks';
import type { DeliverySummary, StreamPart } from '../server/protocol.js';

/** The deliveries that the server's stream has sent so far. */
export class Store {
  readonly #deliveries = new Map<number, DeliverySummary>();
  readonly #listeners = new Set<() => void>();
  #isAwake = false;
  isConnected = false;
  /** Increases with every change. */
  version = 0;

  constructor() {
    // It reconnects automatically, and the server then sends everything again.
    const source = new EventSource('api/stream');
    source.addEventListener('open', () => this.#set(true));
    source.addEventListener('error', () => {
      this.#set(false);
      // After a response such as 403 it does not reconnect, so the page tries again by a reload.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5_000);
    });
    source.addEventListener('reset', () => {
      this.#deliveries.clear();
      this.#changed();
    });
    source.addEventListener('deliveries', ({ data }) => {
      const { oldest, deliveries }: StreamPart = JSON.parse(data);
      for (const delivery of deliveries) this.#deliveries.set(delivery.key, delivery);
      for (const key of this.#deliveries.keys()) {
        if (key >= oldest) break;
        this.#deliveries.delete(key);
      }
      this.#changed();
    });
  }

  get(key: number): DeliverySummary | undefined {
    return this.#deliveries.get(key);
  }

  /** Returns the latest delivery first. */
  all(): DeliverySummary[] {
    return [...this.#deliveries.values()].sort((a, b) => b.key - a.key);
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(isConnected: boolean): void {
    this.isConnected = isConnected;
    this.#changed();
  }

  /** Redraws the page at most once per frame. */
  #changed(): void {
    this.version++;
    if (this.#isAwake) return;
    this.#isAwake = true;
    requestAnimationFrame(() => {
      this.#isAwake = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

/** Redraws a component whenever the store changes. A layout effect also catches changes before the first paint. */
export function useStore(store: Store): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => store.listen(() => draw(undefined)), [store]);
}
