import v8 from 'node:v8';
import vm from 'node:vm';

/** Bytes in use after everything that can go has gone. */
export function heapInUse(): number {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
