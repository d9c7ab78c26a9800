// Imported because tests may replace the global one, and a request must not wait for the clock of a test.
import { setImmediate } from 'node:timers';

let turn: Promise<void> | undefined;

/** Resolves when Node has read what had arrived on its sockets. All requests of a turn of the event loop share one promise. */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
