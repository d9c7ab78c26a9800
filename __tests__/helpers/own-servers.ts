import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** A server that a test may kill: its own data, its own port, and set up so that what it acknowledged survives. */
export interface OwnServer {
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
  make(): Promise<OwnServer>;
}

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

export const OWN_SERVERS: readonly Kind[] = [
  { name: 'Redis', isThere: has('redis-server'), make: makeRedis },
  { name: 'Postgres', isThere: has('initdb') && has('postgres'), make: makePostgres },
];

async function makeRedis(): Promise<OwnServer> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];
  return supervise(folder, `redis://127.0.0.1:${port}`, () => spawn('redis-server', [...options, ...durable]), {
    isReady: () =>
      spawnSync('redis-cli', ['-p', String(port), 'ping'])
        .stdout.toString()
        .trim() === 'PONG',
  });
}

async function makePostgres(): Promise<OwnServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  const port = await freePort();
  const user = await userForPostgres(folder);
  execFileSync('initdb', ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-N'], { ...user, cwd: folder });
  const options = ['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-h', '127.0.0.1'];
  return supervise(
    folder,
    `postgres://postgres@127.0.0.1:${port}/postgres`,
    () => spawn('postgres', options, { ...user, cwd: folder }),
    { isReady: () => spawnSync('pg_isready', ['-h', '127.0.0.1', '-p', String(port)]).status === 0 },
  );
}

/** Postgres refuses to be run by root. */
async function userForPostgres(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
  const user = { uid: id('-u'), gid: id('-g') };
  chownSync(folder, user.uid, user.gid);
  return user;
}

function supervise(
  folder: string,
  address: string,
  spawnServer: () => ChildProcess,
  { isReady }: { isReady: () => boolean },
): OwnServer {
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
      for (;;) {
        if (running === undefined || running.exitCode !== null || running.signalCode !== null) running = spawnServer();
        if (isReady()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
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

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
