import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInbox } from '../../src/inbox/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { SECRET } from '../helpers/app.js';
import { closeAll, drained, ENGINES, newPlace } from '../helpers/inbox.js';

const COUNT = 5_000;
const CONNECTIONS = 32;

const LOGIN = sampleEvent('User.LoggedIn');
const idOf = (body: string): string => createHash('sha256').update(body).digest('hex');
const DELIVERIES = Array.from({ length: COUNT }, (_, account_id) =>
  signedRequest({ ...LOGIN, account_id }, { secret: SECRET }),
);

interface Receiver {
  readonly process: ChildProcess;
  readonly port: number;
}

const started = new Set<ChildProcess>();
let folder: string;
let log: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crash-'));
  log = join(folder, 'handled.log');
  writeFileSync(log, '');
});
afterEach(async () => {
  for (const each of started) each.kill('SIGKILL');
  started.clear();
  await closeAll();
  rmSync(folder, { recursive: true });
});

async function start(address: string): Promise<Receiver> {
  const options = { execArgv: ['--import', 'tsx'] };
  const child = fork(join(__dirname, '../processes/receiver.ts'), [address, log, SECRET], options);
  started.add(child);
  const [{ port }] = await once(child, 'message');
  return { process: child, port };
}

async function kill({ process: child }: Receiver, signal: 'SIGKILL' | 'close'): Promise<void> {
  const exited = once(child, 'exit');
  if (signal === 'close') child.send('close');
  else child.kill(signal);
  await exited;
  started.delete(child);
}

/** Sends all, and resolves to how many were answered with each status; 0 stands for no answer. */
async function sendAll(
  { port }: Receiver,
  onStatus: (status: number, id: string) => void = () => {},
): Promise<Record<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const counts: Record<number, number> = {};
  await Promise.all(
    DELIVERIES.map(async ({ body, headers }) => {
      const status = await post(port, agent, body, headers);
      counts[status] = (counts[status] ?? 0) + 1;
      onStatus(status, idOf(body));
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

const handled = (): string[] => readFileSync(log, 'utf8').split('\n').slice(0, -1);

async function allHandled(address: string): Promise<void> {
  const inbox = await openInbox(address);
  await drained(inbox);
  await inbox.close();
}

describe.each(ENGINES)('$name', (engine) => {
  test.each([1, 400, 1_500, 2_500, 4_800])(
    'a process that is killed after %i answers loses nothing that it acknowledged',
    async (answers) => {
      const address = await newPlace(engine);
      const first = await start(address);
      const acknowledged = new Set<string>();
      await sendAll(first, (status, id) => {
        if (status === 202) acknowledged.add(id);
        if (acknowledged.size === answers) first.process.kill('SIGKILL');
      });
      expect(acknowledged.size).toBeGreaterThanOrEqual(answers);
      expect(acknowledged.size).toBeLessThan(COUNT);

      const second = await start(address);
      await allHandled(address);
      const missing = new Set(acknowledged);
      for (const id of handled()) missing.delete(id);
      expect(missing).toEqual(new Set());

      expect(await sendAll(second)).toEqual({ 202: COUNT });
      await allHandled(address);
      expect(new Set(handled()).size).toBe(COUNT);

      const runs = handled().length;
      expect(await sendAll(second)).toEqual({ 202: COUNT });
      await allHandled(address);
      expect(handled()).toHaveLength(runs);
      await kill(second, 'close');
    },
    120_000,
  );

  test('two receivers on one store handle everything once', async () => {
    const address = await newPlace(engine);
    const [one, two] = await Promise.all([start(address), start(address)]);
    const counts = await Promise.all([sendAll(one), sendAll(two)]);
    expect(counts).toEqual([{ 202: COUNT }, { 202: COUNT }]);
    await allHandled(address);
    const ids = handled();
    expect([ids.length, new Set(ids).size]).toEqual([COUNT, COUNT]);
    await Promise.all([kill(one, 'close'), kill(two, 'close')]);
  }, 120_000);
});
