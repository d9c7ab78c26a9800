import http from 'node:http';
import { PATH, type TestApp } from './harness.js';
import { listen } from './raw-http.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

interface KeepAliveClient {
  readonly port: number;
  /** The number of connections so far. */
  readonly connections: () => number;
  /** Opens a request; its body is the caller's to send. */
  open(headers: Record<string, string>): { request: http.ClientRequest; answer: Promise<Answer> };
  send(body: string, headers: Record<string, string>): Promise<Answer>;
}

/** Serves the app on a port until `hangUp()`, with a client that keeps at most 8 connections alive. */
export async function startWithClient({ listener }: TestApp): Promise<KeepAliveClient> {
  const { port, sockets } = await listen(listener);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

  function open(headers: Record<string, string>): { request: http.ClientRequest; answer: Promise<Answer> } {
    const request = http.request({ port, path: PATH, method: 'POST', agent, headers });
    const answer = new Promise<Answer>((resolve, reject) => {
      request.once('error', reject).once('response', async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    return { request, answer };
  }

  function send(body: string, headers: Record<string, string>): Promise<Answer> {
    const { request, answer } = open({ ...headers, 'content-length': String(Buffer.byteLength(body)) });
    request.end(body);
    return answer;
  }

  return { port, connections: () => sockets.length, open, send };
}
