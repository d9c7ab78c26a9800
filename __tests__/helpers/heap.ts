import v8 from 'node:v8';
import vm from 'node:vm';

/** The bytes of the heap in use after a full garbage collection. */
export function heapInUse(): number {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
