// Reads a process's memory from outside through /proc, because the process itself is busy when it matters.
import { readFileSync, writeFileSync } from 'node:fs';

/** Values in bytes. `peak` is the highest RSS since `forgetPeak`; `anon` excludes memory mapped from files. */
export function memoryOf({ pid }) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { rss: of('VmRSS'), peak: of('VmHWM'), anon: of('RssAnon') };
}

/** Resets the peak that the kernel records. */
export function forgetPeak({ pid }) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Watches a process until the returned function is called, which returns the peaks. */
export function watch(child) {
  forgetPeak(child);
  let anon = 0; // the kernel records no peak of this value
  const sample = () => {
    anon = Math.max(anon, memoryOf(child).anon);
  };
  sample();
  const timer = setInterval(sample, 5);
  return () => {
    clearInterval(timer);
    sample();
    return { rss: memoryOf(child).peak, anon };
  };
}
