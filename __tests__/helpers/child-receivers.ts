import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { SECRET } from './harness.js';
import { closeAll, drained, open, type Place } from './inbox.js';

const CONNECTIONS = 32;

interface Receiver {
  readonly process: ChildProcess;
  readonly port: number;
}

/** A receiver takes deliveries, handles them, or does both. */
type Role = 'web' | 'worker' | 'both';

interface Sent {
  readonly id: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** Distinct signed deliveries. */
export function deliveries(count: number): Sent[] {
  const login = sampleEvent('User.LoggedIn');
  return Array.from({ length: count }, (_, account_id) => {
    const { body, headers } = signedRequest({ ...login, account_id }, { secret: SECRET });
    return { id: createHash('sha256').update(body).digest('hex'), body, headers };
  });
}

const started = new Set<ChildProcess>();
let folder: string;
let log: string;

/** For `beforeEach`. Makes the file to which the receivers write the id of each delivery that they handled. */
export function openLog(): void {
  folder = mkdtempSync(join(tmpdir(), 'receivers-'));
  log = join(folder, 'handled.log');
  writeFileSync(log, '');
}

/** For `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const each of started) each.kill('SIGKILL');
  started.clear();
  await closeAll();
  rmSync(folder, { recursive: true });
}

/** The ids of the deliveries that were handled so far, in order. */
export const handled = (): string[] => readFileSync(log, 'utf8').split('\n').slice(0, -1);

/** Resolves when the inbox has nothing left to do. */
export async function allHandled(place: Place): Promise<void> {
  const inbox = await open(place);
  await drained(inbox, 100);
  await inbox.close();
}

export async function start({ address, options }: Place, role: Role = 'both'): Promise<Receiver> {
  const program = join(__dirname, '../processes/receiver.ts');
  const args = [address, JSON.stringify(options), log, SECRET, role];
  const child = fork(program, args, { execArgv: ['--import', 'tsx'] });
  started.add(child);
  const [{ port }] = await once(child, 'message');
  return { process: child, port };
}

export async function close({ process: child }: Receiver): Promise<void> {
  const exited = once(child, 'exit');
  child.send('close');
  await exited;
  started.delete(child);
}

/** Sends all deliveries. Resolves to the number of responses by status; 0 stands for no response. */
export async function sendAll(
  { port }: Receiver,
  all: readonly Sent[],
  onStatus: (status: number, id: string) => void = () => {},
): Promise<Record<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const counts: Record<number, number> = {};
  await Promise.all(
    all.map(async ({ id, body, headers }) => {
      const status = await post(port, agent, body, headers);
      counts[status] = (counts[status] ?? 0) + 1;
      onStatus(status, id);
    }),
  );
  agent.destroy();
  return counts;
}

function post(port: number, agent: Agent, body: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const length = { 'content-length': Buffer.byteLength(body) };
    request({ port, agent, host: '127.0.0.1', method: 'POST', headers: { ...headers, ...length } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', () => resolve(0))
      .end(body);
  });
}
