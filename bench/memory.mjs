// Reads a process's memory from /proc, because the process itself is busy during the measurement.
import { readFileSync, writeFileSync } from 'node:fs';

/** In bytes. `peak` is the highest RSS since `forgetPeak`; `anon` leaves out what is mapped from files. */
export function memoryOf({ pid }) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { rss: of('VmRSS'), peak: of('VmHWM'), anon: of('RssAnon') };
}

/** Lets the kernel, which misses no peak, begin anew. */
export function forgetPeak({ pid }) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Watches a process until the returned function is called, which gives the peaks. */
export function watch(child) {
  forgetPeak(child);
  let anon = 0; // of this the kernel keeps no peak
  const look = () => {
    anon = Math.max(anon, memoryOf(child).anon);
  };
  look();
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    look();
    return { rss: memoryOf(child).peak, anon };
  };
}
