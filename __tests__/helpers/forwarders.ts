import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

const LONGEST_START_MS = 60_000;

/** A real program that forwards connections to a port of this machine. */
export interface Forwarder {
  readonly port: number;
  stop(): Promise<void>;
}

interface Kind {
  readonly name: string;
  readonly program: string;
  /** The Debian package of the program. */
  readonly from: string;
  readonly version: string;
  /** Writes the configuration into the folder and returns the program's arguments. */
  prepare(folder: string, port: number, target: number): readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    name: 'nginx with only proxy_pass',
    program: 'nginx',
    from: 'nginx-light',
    version: '-v',
    prepare(folder, port, target) {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const paths = temporary.map((each) => `${each}_temp_path ${folder}/${each};`).join(' ');
      const file = join(folder, 'nginx.conf');
      writeFileSync(
        file,
        `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/log; events {}
http { access_log off; ${paths} server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${target}; } } }
`,
      );
      return ['-p', folder, '-c', file, '-e', join(folder, 'log')];
    },
  },
  {
    name: 'haproxy',
    program: 'haproxy',
    from: 'haproxy',
    version: '-v',
    prepare(folder, port, target) {
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(
        file,
        `defaults
  mode http
  maxconn 100
  timeout connect 60s
  timeout client 60s
  timeout server 60s
listen all
  bind 127.0.0.1:${port}
  server app 127.0.0.1:${target}
`,
      );
      return ['-db', '-f', file];
    },
  },
  {
    name: 'a TCP tunnel of socat',
    program: 'socat',
    from: 'socat',
    version: '-V',
    prepare: (_folder, port, target) => [`TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, `TCP:127.0.0.1:${target}`],
  },
];

/** Every forwarder. The name of a missing one says how to install it. */
export const FORWARDERS = KINDS.map((kind) => {
  const isThere = spawnSync(kind.program, [kind.version]).status === 0;
  const name = isThere ? kind.name : `${kind.name} (not here: apt-get install --no-install-recommends ${kind.from})`;
  return { name, isThere, start: (target: number) => start(kind, target) };
});

async function start({ program, prepare }: Kind, target: number): Promise<Forwarder> {
  const folder = mkdtempSync(join(tmpdir(), `${program}-`));
  const port = await freePort();
  const child = spawn(program, prepare(folder, port, target), { stdio: 'ignore' });
  const exited = once(child, 'exit');
  async function stop(): Promise<void> {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
  for (const until = Date.now() + LONGEST_START_MS; Date.now() < until; await sleep(20)) {
    if (child.exitCode !== null) break;
    if (await answers(port)) return { port, stop };
  }
  await stop();
  throw new Error(`${program} did not start.`);
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isThere = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isThere;
}
