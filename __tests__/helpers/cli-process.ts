import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Run } from './cli.js';

/** The built command. */
export const MAIN = join(__dirname, '../../dist/cjs/cli/main.js');

const children: ChildProcess[] = [];

/** Starts the built command in a process of its own, with nothing in its environment but this. */
export function start(args: readonly string[], env: object, options: SpawnOptions = {}): ChildProcess {
  return startProgram(process.execPath, [MAIN, ...args], env, options);
}

export function startProgram(
  program: string,
  args: readonly string[],
  env: object,
  options: SpawnOptions = {},
): ChildProcess {
  const whole = { PATH: process.env['PATH'], ...env } as NodeJS.ProcessEnv;
  const child = spawn(program, args, { ...options, env: whole });
  children.push(child);
  return child;
}

/** Collects what the process prints from now on. Resolves when it ends. */
export async function ended(child: ChildProcess): Promise<Run> {
  const printed = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    printed.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    printed.err += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, out: printed.out.trimEnd(), err: printed.err.trimEnd() };
}

/** For `afterEach`. Kills the processes that a failed test left running. */
export function killAll(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}
