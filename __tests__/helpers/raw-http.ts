import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** The path at which the tests mount a router. */
export const PATH = '/webhooks/cakemail';

export interface Listening {
  readonly port: number;
  readonly url: string;
  /** The server's side of every connection, in order of arrival. */
  readonly sockets: readonly Socket[];
  /** The first request, as soon as its headers have arrived. */
  readonly request: Promise<IncomingMessage>;
  /** Closes the server and its connections, as `hangUp()` does for all. */
  close(): Promise<void>;
}

/** The client's side of a connection, written to by hand. */
export interface Peer {
  readonly socket: Socket;
  /** The first response, or the part of it that arrived before the connection closed. */
  readonly answer: Promise<string>;
  readonly closed: Promise<void>;
}

const running = new Set<() => Promise<void>>();
const ends: Socket[] = [];

/** Serves on a free port until `hangUp()`. */
export async function listen(
  listener: RequestListener,
  prepare: (server: Server) => unknown = () => {},
  host?: string,
): Promise<Listening> {
  const sockets: Socket[] = [];
  const server = createServer(listener).on('connection', (socket) => sockets.push(socket));
  const request = new Promise<IncomingMessage>((resolve) => server.once('request', resolve));
  prepare(server);
  async function close(): Promise<void> {
    if (!running.delete(close)) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
  running.add(close);
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://localhost:${port}`, sockets, request, close };
}

/** Connects, and sends this much at once. */
export function dial(port: number, text: string | Buffer): Peer {
  const socket = connect(port, 'localhost');
  ends.push(socket);
  socket.on('error', () => {}); // many tests expect the server to hang up
  const closed = closing(socket);
  const answer = new Promise<string>((resolve) => {
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
      if (isWhole(received)) resolve(received);
    });
    void closed.then(() => resolve(received));
  });
  socket.write(text);
  return { socket, answer, closed };
}

/** The first lines of a request. */
export function head(headers: Readonly<Record<string, string | number>>, method = 'POST', path = PATH): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** One piece of a body sent with `transfer-encoding: chunked`. */
export function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** Writes a piece again and again while the other side reads. Resolves if it accepts `total` bytes. */
export function flood(socket: Socket, piece: Buffer, total: number): Promise<string> {
  return new Promise((resolve) => {
    let left = total;
    const push = (): void => {
      if (left <= 0) resolve('all of it was accepted');
      else if (socket.writable) {
        left -= piece.length;
        socket.write(piece, push);
      }
    };
    push();
  });
}

/** Resolves when a connection is closed, with or without an error. */
export function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

/** Closes all servers, and all connections on both sides. */
export async function hangUp(): Promise<void> {
  for (const end of ends.splice(0)) end.destroy();
  await Promise.all([...running].map((close) => close()));
}

/** Resolves to the result of `look` for the first request, which is then answered 204. */
export async function withRequest<T>(
  send: string | Buffer | ((port: number) => void),
  look: (req: IncomingMessage) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const listener: RequestListener = (req, res) => {
      look(req)
        .then(resolve, reject)
        .finally(() => res.writeHead(204).end());
    };
    listen(listener).then(({ port }) => (typeof send === 'function' ? send(port) : dial(port, send)), reject);
  });
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? '0';
  return Buffer.byteLength(text) >= end + 4 + Number(length);
}
