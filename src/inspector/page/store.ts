import { useLayoutEffect, useReducer } from 'preact/hooks';
import type { DeliverySummary, StreamPart } from '../protocol.js';

/** What the server's stream has told so far. */
export class Store {
  readonly #deliveries = new Map<number, DeliverySummary>();
  readonly #listeners = new Set<() => void>();
  #isAwake = false;
  isConnected = false;
  /** Counts up with every change. */
  version = 0;

  constructor() {
    // It connects again by itself, and the server then tells everything anew.
    const source = new EventSource('api/stream');
    source.addEventListener('open', () => this.#set(true));
    source.addEventListener('error', () => {
      this.#set(false);
      // After an answer such as 403 it gives up for good: the app may be back with another one later.
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

  /** The latest first. */
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

  /** However many parts come, the page is drawn once a frame. */
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

/** Draws a component again whenever the store changes; from the first change on, so not only after a paint. */
export function useStore(store: Store): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => store.listen(() => draw(undefined)), [store]);
}
