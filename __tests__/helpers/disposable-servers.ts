import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

const LONGEST_START_MS = 60_000;

/** A server that a test may kill. It has its own data and port, and is set up so that what it acknowledged survives. */
export interface DisposableServer {
  readonly address: string;
  /** Resolves when it accepts connections. */
  start(): Promise<void>;
  /** Kills it without a chance to write anything. */
  kill(): Promise<void>;
  /** Stops or continues it with all its processes. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  remove(): Promise<void>;
}

interface Kind {
  readonly name: string;
  /** True when its programs are installed. */
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
    spawnServer: () => spawn('redis-server', [...options, ...durable]),
    ready: 'Ready to accept connections',
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
    spawnServer: () => spawn('postgres', [...options, '-c', 'lc_messages=C'], { ...user, cwd: folder }),
    ready: 'database system is ready to accept connections',
  });
}

/** Postgres refuses to run as root. */
async function userForPostgres(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
  const user = { uid: id('-u'), gid: id('-g') };
  chownSync(folder, user.uid, user.gid);
  return user;
}

interface Supervised {
  readonly address: string;
  spawnServer(): ChildProcess;
  /** The text that it prints once it accepts connections. */
  readonly ready: string;
}

function supervise(folder: string, { address, spawnServer, ready }: Supervised): DisposableServer {
  let running: ChildProcess | undefined;
  let log = '';

  /** Resolves to whether the process became ready before it ended. */
  function attempt(): Promise<boolean> {
    const child = spawnServer();
    running = child;
    log = '';
    return new Promise((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        // The pipes are read to the end, because a server hangs when it cannot write.
        stream?.setEncoding('utf8').on('data', (text: string) => {
          log = (log + text).slice(-10_000);
          if (log.includes(ready)) resolve(true);
        });
      }
      child.once('exit', () => resolve(false));
    });
  }

  async function kill(): Promise<void> {
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
  }

  return {
    address,
    async start() {
      // A new Postgres refuses to start until the processes of the killed one have noticed that they are alone.
      for (const until = Date.now() + LONGEST_START_MS; Date.now() < until; ) if (await attempt()) return;
      throw new Error(`${address} did not start:\n${log.slice(-2_000)}`);
    },
    kill,
    signal(signal) {
      // A Postgres has a process for each connection.
      spawnSync('pkill', [`-${signal}`, '-P', String(running?.pid)]);
      running?.kill(signal);
    },
    async remove() {
      await kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
