import { type ChildProcess, execFileSync, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

const LONGEST_START_MS = 60_000;

/** A server that a test may kill: its own data, its own port, and set up so that what it acknowledged survives. */
export interface DisposableServer {
  readonly address: string;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Without a chance to write anything down. */
  kill(): Promise<void>;
  /** Makes all of it hang, or go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  remove(): Promise<void>;
}

interface Kind {
  readonly name: string;
  /** Whether the machine has its programs. */
  readonly isThere: boolean;
  make(): Promise<DisposableServer>;
}

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

export const DISPOSABLE_SERVERS: readonly Kind[] = [
  { name: 'Redis', isThere: has('redis-server'), make: makeRedis },
  { name: 'Postgres', isThere: has('initdb') && has('postgres'), make: makePostgres },
];

async function makeRedis(): Promise<DisposableServer> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];
  return supervise(folder, {
    address: `redis://127.0.0.1:${port}`,
    spawnServer: (stdio) => spawn('redis-server', [...options, ...durable], { stdio }),
    isReady: () =>
      spawnSync('redis-cli', ['-p', String(port), 'ping'])
        .stdout.toString()
        .trim() === 'PONG',
  });
}

async function makePostgres(): Promise<DisposableServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  const port = await freePort();
  const user = await userForPostgres(folder);
  execFileSync('initdb', ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-N'], { ...user, cwd: folder });
  const options = ['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-h', '127.0.0.1'];
  return supervise(folder, {
    address: `postgres://postgres@127.0.0.1:${port}/postgres`,
    spawnServer: (stdio) => spawn('postgres', options, { ...user, cwd: folder, stdio }),
    isReady: () => spawnSync('pg_isready', ['-h', '127.0.0.1', '-p', String(port)]).status === 0,
  });
}

/** Postgres refuses to be run by root. */
async function userForPostgres(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
  const user = { uid: id('-u'), gid: id('-g') };
  chownSync(folder, user.uid, user.gid);
  return user;
}

interface Supervised {
  readonly address: string;
  spawnServer(stdio: StdioOptions): ChildProcess;
  isReady(): boolean;
}

function supervise(folder: string, { address, spawnServer, isReady }: Supervised): DisposableServer {
  // To a file: a pipe that nobody reads fills up, and the server hangs in the middle of a complaint.
  const log = join(folder, 'server.log');
  const output = openSync(log, 'a');
  let running: ChildProcess | undefined;
  async function kill(): Promise<void> {
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
  }
  return {
    address,
    async start() {
      // The processes of a Postgres that was killed take a moment to notice; until then a new one refuses to start.
      for (const until = Date.now() + LONGEST_START_MS; Date.now() < until; await sleep(50)) {
        if (running === undefined || running.exitCode !== null || running.signalCode !== null) {
          running = spawnServer(['ignore', output, output]);
        }
        if (isReady()) return;
      }
      throw new Error(`${address} did not start:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
    },
    kill,
    signal(signal) {
      // A Postgres has a process for each connection.
      spawnSync('pkill', [`-${signal}`, '-P', String(running?.pid)]);
      running?.kill(signal);
    },
    async remove() {
      await kill();
      closeSync(output);
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
