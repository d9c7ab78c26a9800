import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';

const PROGRAM = join(__dirname, '../processes/verbose-receiver.ts');

/** The key, a part of the body, and a header of every delivery that a verbose receiver is sent. */
export const SECRETS = { key: 'the-key-of-a-test', body: 'part-of-the-body', header: 'value-of-a-header' };

/** A receiver with an inbox in a process of its own, which writes everything that it learns about failures. */
export interface VerboseReceiver {
  /** Everything that the process has written so far. */
  written(): string;
  /** Resolves when the process has written the text. */
  wrote(text: string): Promise<void>;
  /** Sends distinct deliveries until one is answered with the status. */
  sendUntil(status: number): Promise<void>;
  /** Sends distinct deliveries until one is answered 503 and the process has written the error code. */
  sendUntilFailure(code: string): Promise<void>;
  /** Calls six methods of the inbox. Resolves to the number of calls that were rejected. */
  callInbox(): Promise<number>;
  close(): Promise<void>;
}

const running: ChildProcess[] = [];
/** The signatures of the deliveries that the current test sent. */
export const signatures: string[] = [];

/** To be called in `afterEach`. */
export function killReceivers(): void {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  signatures.length = 0;
}

export async function startVerboseReceiver(address: string): Promise<VerboseReceiver> {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] };
  const args = ['--import', 'tsx', PROGRAM, address, '{"leaseMs":1000,"pollMs":20}', SECRETS.key];
  const child = spawn(process.execPath, args, options);
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
  }
  let index = 0;
  async function command(message: object): Promise<{ status: number; rejected: number }> {
    child.send(message);
    const [reply] = await once(child, 'message');
    return reply;
  }
  async function send(): Promise<number> {
    const data = { text: SECRETS.body.repeat(10) };
    const payload = { ...sampleEvent('User.LoggedIn'), account_id: index++, data };
    const { rawBody, headers } = signedRequest(payload, { secret: SECRETS.key });
    signatures.push(headers['x-signature'] ?? '');
    const delivery = { rawBody: rawBody.toString(), headers: { ...headers, 'x-marker': SECRETS.header } };
    return (await command({ send: delivery })).status;
  }
  const receiver: VerboseReceiver = {
    written: () => text,
    async wrote(expected) {
      while (!text.includes(expected)) await sleep(20);
    },
    async sendUntil(status) {
      while ((await send()) !== status) await sleep(20);
    },
    async sendUntilFailure(code) {
      while ((await send()) !== 503 || !text.includes(code)) await sleep(20);
    },
    callInbox: async () => (await command({ callInbox: true })).rejected,
    async close() {
      const exited = once(child, 'exit');
      child.send({ close: true });
      await exited;
    },
  };
  await Promise.race([once(child, 'message'), once(child, 'close')]);
  return receiver;
}
