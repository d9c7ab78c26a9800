import { setImmediate } from 'node:timers/promises';
import { type Budget, type Capture, type Diagnosis, diagnoseWithin } from './diagnose.js';

/** Blocks the process for one slice at most. `doctor` has no such limits, so the page and `listen` refer to it. */
const BUDGET: Budget = {
  maxHashedBytes: 32 * 1024 * 1024,
  maxRewrittenBytes: 64 * 1024,
  totalMs: 500,
  sliceMs: 5,
  now: cpuTime,
  pause: () => setImmediate(),
};

/** Diagnoses one capture at a time within a budget, so that hostile bodies cannot block the process. */
export class DiagnosisQueue {
  #last: Promise<unknown> = Promise.resolve();
  #length = 0;

  /** The number of captures whose diagnosis has not ended. */
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

/** Milliseconds of CPU time, because on a busy machine the wall clock would end a search that has done little work. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
