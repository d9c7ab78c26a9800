import { setImmediate } from 'node:timers/promises';
import { type Budget, type Capture, type Diagnosis, diagnoseWithin } from './diagnose.js';

/**
 * The process waits for one slice at most. `doctor` has no such limits, so the page and `listen` refer to it when one was
 * reached.
 */
const BUDGET: Budget = {
  mostBytes: 32 * 1024 * 1024,
  mostRewritten: 64 * 1024,
  totalMs: 500,
  sliceMs: 5,
  now: cpuTime,
  pause: () => setImmediate(),
};

/** Diagnoses one capture after another within a budget, so that hostile bodies cannot hold up the process. */
export class DiagnosisQueue {
  #last: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** The captures whose diagnosis has not ended. */
  get length(): number {
    return this.#length;
  }

  diagnose(capture: Capture): Promise<Diagnosis> {
    this.#length++;
    const diagnosis = this.#last
      .then(() => diagnoseWithin(BUDGET, capture))
      .finally(() => {
        this.#length--;
      });
    this.#last = diagnosis.catch(() => {});
    return diagnosis;
  }
}

/** Milliseconds that this process worked: on a busy machine the wall clock would end a search that has done little. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
