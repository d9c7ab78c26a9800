// Finds, before the tests run, the servers of this machine. Tests that need a missing one are reported as skipped.
import { connect } from 'node:net';

const LOCAL = { REDIS_URL: 'redis://127.0.0.1:6379', DATABASE_URL: 'postgres://root@127.0.0.1:5432/test' };

export default async function findServers(): Promise<void> {
  for (const [name, url] of Object.entries(LOCAL)) {
    process.env[name] ??= (await answers(new URL(url))) ? url : '';
  }
}

function answers({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 2_000 });
    const end = (there: boolean) => () => {
      socket.destroy();
      resolve(there);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}
