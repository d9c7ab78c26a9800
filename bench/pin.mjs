import { spawnSync } from 'node:child_process';

/** Pins a process (all its threads) to a core, where the system has taskset; elsewhere the scheduler decides. */
export function pin(pid, core) {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}
