import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { start } from './cli-process.js';

export const SECRET = 'the key of a developer';

export interface Listening {
  readonly child: ChildProcess;
  readonly url: string;
  /** The URL of the page with its token, as printed. */
  readonly page: string;
  /** The header that authenticates the page's own requests. */
  readonly session: { readonly cookie: string };
  /** Everything that it has printed. */
  printed(): string;
  /** Resolves when it has printed this text. */
  says(text: string): Promise<void>;
  /** Interrupts it as Ctrl-C does, and resolves to its exit code. */
  interrupt(): Promise<number>;
}

export async function listen(
  args: readonly string[] = [],
  env: object = { CAKEMAIL_WEBHOOK_SECRET: SECRET },
): Promise<Listening> {
  const child = start(['listen', '--port', '0', ...args], env);
  let text = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text += chunk;
      for (const check of waiting) check();
    });
  }
  const says = (wanted: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!text.includes(wanted)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  await says('Ctrl-C stops it.');
  const [, url = ''] = /Receiving at (\S+\/)/.exec(text) ?? [];
  const [, page = ''] = /Inspector at (\S+)/.exec(text) ?? [];
  const { headers } = await fetch(page, { redirect: 'manual' });
  const session = { cookie: `${headers.get('set-cookie')?.split(';')[0]}` };
  const interrupt = async (): Promise<number> => {
    const closed = once(child, 'close');
    child.kill('SIGINT');
    const [code] = await closed;
    return code;
  };
  return { child, url, page, session, printed: () => text, says, interrupt };
}

export interface ReceivedRequest {
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** Starts an app that records the requests that it receives. */
export async function openApp(port = 0, status = 200) {
  const received: ReceivedRequest[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    received.push({ body: Buffer.concat(chunks), headers: req.headers });
    res.writeHead(status).end('as the app says');
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`, received, close };
}

export const deliver = (url: string, body: string, headers: Record<string, string>): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

/** Reads a delivery as the page does. */
export async function shown({ url, session }: Listening, key = 1) {
  return (await fetch(`${url}_webhooks/api/deliveries/${key}`, { headers: session })).json();
}

export const replay = ({ url, session }: Listening, key = 1): Promise<Response> =>
  fetch(`${url}_webhooks/api/deliveries/${key}/replay`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json', ...session },
  });
