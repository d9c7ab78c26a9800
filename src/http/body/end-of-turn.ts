// Not the global one, which tests replace: a request must not wait for somebody's clock.
import { setImmediate } from 'node:timers';

let turn: Promise<void> | undefined;

/** Resolves when Node has read what its sockets held. All requests of a turn wait together. */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
