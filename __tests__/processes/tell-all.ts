// A receiver with an inbox that writes everything it can learn of a failure to stderr: log lines, notices, errors and what
// the drivers print themselves. Its parent says what to do, and searches what it wrote.
import { inspect } from 'node:util';

const built = process.env.BUILT ? '../../dist/cjs' : '../../src';
const { createWebhookRouter } = (await import(`${built}/index.js`)) as typeof import('../../src/index.js');
const { openInbox } = (await import(`${built}/inbox/index.js`)) as typeof import('../../src/inbox/index.js');

/** All of it: hidden members, causes, and texts of any length. */
function tell(what: string, value: unknown): void {
  const whole = inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null });
  process.stderr.write(`${what} ${whole}\n`);
}
process.on('unhandledRejection', (reason) => tell('unhandled rejection', reason));

interface Order {
  readonly send?: { readonly rawBody: string; readonly headers: Record<string, string> };
  readonly ask?: true;
  readonly close?: true;
}

const [address = '', options = '{}', secret = ''] = process.argv.slice(2);
try {
  const inbox = await openInbox(address, JSON.parse(options));
  const line = (level: string) => (fields: object, message: string) => tell(`${level} ${message}`, fields);
  const logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const webhooks = createWebhookRouter({ secret, inbox, logger });
  webhooks.lifecycle.on('rejected', (notice) => tell('rejected', notice));
  webhooks.lifecycle.on('dead', (notice) => tell('dead', notice));
  webhooks.onAny(() => {});
  const questions = [
    () => inbox.list(),
    () => inbox.get('0'.repeat(64)),
    () => inbox.replay('0'.repeat(64)),
    () => inbox.remove('0'.repeat(64)),
    () => inbox.prune(),
    () => inbox.stats(),
  ];
  process.on('message', async ({ send, ask, close }: Order) => {
    if (send) {
      const outcome = await webhooks.receive(send);
      if (outcome.kind === 'rejected') tell('outcome', [outcome.cause, outcome.error]);
      process.send?.({ status: outcome.status });
    }
    if (ask) {
      const answers = await Promise.allSettled(questions.map((question) => question()));
      for (const answer of answers) if (answer.status === 'rejected') tell('answer', answer.reason);
      process.send?.({ refused: answers.filter(({ status }) => status === 'rejected').length });
    }
    if (close) {
      await webhooks.close({ timeoutMs: 100 });
      // A connection that is refused keeps the process alive.
      process.exit();
    }
  });
  process.send?.({ status: 0 });
} catch (thrown) {
  tell('open', thrown);
  process.disconnect();
}
