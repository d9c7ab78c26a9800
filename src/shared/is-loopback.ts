/** Returns true for a host name, without a port, that means this machine: `localhost`, `127.…` or `[::1]`. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
