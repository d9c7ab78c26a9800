// Reads the socket queues between two processes of this machine through /proc.
import { readFileSync } from 'node:fs';

/** The maximum bytes of any connection to a port in the client's send queue and in the server's receive queue. */
function queuesOf(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  let unsent = 0;
  let unread = 0;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, remote, , queues] = line.trim().split(/\s+/);
    if (remote?.endsWith(`:${hex}`)) unsent = Math.max(unsent, Number.parseInt(queues.split(':')[0], 16));
    if (local?.endsWith(`:${hex}`)) unread = Math.max(unread, Number.parseInt(queues.split(':')[1], 16));
  }
  return { unsent, unread };
}

/** Watches a port until the returned function is called, which returns the peaks. */
export function watchQueues(port) {
  const peaks = { unsent: 0, unread: 0 };
  const timer = setInterval(() => {
    const { unsent, unread } = queuesOf(port);
    peaks.unsent = Math.max(peaks.unsent, unsent);
    peaks.unread = Math.max(peaks.unread, unread);
  }, 50);
  return () => {
    clearInterval(timer);
    return peaks;
  };
}
