// A receiver with an inbox that writes everything it learns about failures to stderr: log lines, notices, errors, and what the
// drivers print themselves. Its parent process sends it commands, and searches what it wrote for secrets.
import { inspect } from 'node:util';

const built = process.env.BUILT ? '../../dist/cjs' : '../../src';
const { createWebhookRouter } = (await import(`${built}/index.js`)) as typeof import('../../src/index.js');
const { openInbox } = (await import(`${built}/inbox/index.js`)) as typeof import('../../src/inbox/index.js');

/** Writes the whole value: hidden members, causes, and texts of any length. */
function write(what: string, value: unknown): void {
  const text = inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null });
  process.stderr.write(`${what} ${text}\n`);
}
process.on('unhandledRejection', (reason) => write('unhandled rejection', reason));

interface Command {
  readonly send?: { readonly rawBody: string; readonly headers: Record<string, string> };
  readonly callInbox?: true;
  readonly close?: true;
}

const [address = '', options = '{}', secret = ''] = process.argv.slice(2);
try {
  const inbox = await openInbox(address, JSON.parse(options));
  const log = (level: string) => (fields: object, message: string) => write(`${level} ${message}`, fields);
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const webhooks = createWebhookRouter({ secret, inbox, logger });
  webhooks.lifecycle.on('rejected', (notice) => write('rejected', notice));
  webhooks.lifecycle.on('dead', (notice) => write('dead', notice));
  webhooks.onAny(() => {});
  const calls = [
    () => inbox.list(),
    () => inbox.get('0'.repeat(64)),
    () => inbox.replay('0'.repeat(64)),
    () => inbox.remove('0'.repeat(64)),
    () => inbox.prune(),
    () => inbox.stats(),
  ];
  process.on('message', async ({ send, callInbox, close }: Command) => {
    if (send) {
      const outcome = await webhooks.receive(send);
      if (outcome.kind === 'rejected') write('outcome', [outcome.cause, outcome.error]);
      process.send?.({ status: outcome.status });
    }
    if (callInbox) {
      const results = await Promise.allSettled(calls.map((call) => call()));
      for (const result of results) if (result.status === 'rejected') write('inbox', result.reason);
      process.send?.({ rejected: results.filter(({ status }) => status === 'rejected').length });
    }
    if (close) {
      await webhooks.close({ timeoutMs: 100 });
      process.disconnect();
    }
  });
  process.send?.({ status: 0 });
} catch (thrown) {
  write('open', thrown);
  process.disconnect();
}
