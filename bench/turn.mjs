import { ask } from './processes.mjs';

/** Sends requests to a server, and returns its throughput, its latencies and its CPU per request. */
export async function drive(
  generator,
  { server, port },
  { contender, size, forged = false, connections, count, names },
) {
  const before = await ask(server, 'usage');
  const load = await ask(generator, { contender, port, size, forged, connections, count, names });
  const after = await ask(server, 'usage');
  const expected = forged ? '4' : '2';
  const wrong = Object.keys(load.statuses).filter((status) => !status.startsWith(expected));
  if (wrong.length > 0) throw new Error(`${contender} answered ${JSON.stringify(load.statuses)}`);
  return {
    rate: count / load.seconds,
    p50: load.p50,
    p99: load.p99,
    cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / count,
  };
}

/** Like `drive`, but only while the server runs: the others are stopped, because their garbage collection would use its core. */
export async function turn(generator, running, request) {
  running.server.kill('SIGCONT');
  const figures = await drive(generator, running, request);
  running.server.kill('SIGSTOP');
  return figures;
}
