// The processes of a measurement: servers on one core, load generators on the other.
import { fork } from 'node:child_process';
import { pin } from './pin.mjs';

const children = new Set();

/** A contender's server. `settings` reach its `listen()`; `options` are those of `fork()`. */
export async function startServer(contender, settings = {}, options = {}) {
  const server = start('./server.mjs', [contender, JSON.stringify(settings)], { execArgv: [], ...options }, 0);
  const { port } = await answerOf(server);
  return { server, port };
}

export function startGenerator(module = './load.mjs') {
  return start(module, [], {}, 1);
}

function start(module, args, options, core) {
  const child = fork(new URL(module, import.meta.url), args, options);
  children.add(child);
  pin(child.pid, core);
  return child;
}

export function ask(child, question) {
  child.send(question);
  return answerOf(child);
}

/** Resolves to the next message of a child. Rejects when the child exits first. */
export function answerOf(child) {
  return new Promise((resolve, reject) => {
    const onExit = (code, signal) => reject(new Error(`${child.spawnargs[1]} ended with ${signal ?? code}`));
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer);
    });
  });
}

/** Uses SIGKILL, because a stopped process ignores every other signal. */
export function stop(child) {
  child.kill('SIGKILL');
  children.delete(child);
}

export function stopAll() {
  for (const child of children) stop(child);
}

process.on('exit', stopAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
