import { Socket } from 'node:net';
import type pg from 'pg';
import { GOODBYE_TIMEOUT_MS } from './queue-backend.js';

/** A pool of Postgres connections that all end when it is closed, also when the server is silent. */
export interface ClosablePool {
  readonly pool: pg.Pool;
  /** Resolves when every socket is closed. May be called more than once. */
  close(): Promise<void>;
}

export function openPool(Pool: typeof pg.Pool, config: pg.PoolConfig): ClosablePool {
  const sockets = new Set<Socket>();
  function stream(): Socket {
    const socket = new Socket();
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  }
  const pool = new Pool({ ...config, stream });
  pool.on('error', ignoreError);
  // The pool handles errors only of idle clients. Without this listener, a connection that is lost while it is in use would
  // end the process.
  pool.on('connect', (client) => client.on('error', ignoreError));

  /** `pool.end()` waits for clients that are in use, however silent the server is, but not for the sockets. */
  async function close(): Promise<void> {
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, GOODBYE_TIMEOUT_MS);
    await pool.end();
    await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    clearTimeout(cut);
  }

  let closing: Promise<void> | undefined;
  return {
    pool,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** The query that was running on the lost connection rejects, and the pool replaces the connection. */
function ignoreError(): void {}
