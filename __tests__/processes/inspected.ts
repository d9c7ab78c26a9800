// A receiver with an inspector and a history file, from the built package. Its parent says how its handler ends, and what
// to do with the disk that the file is on.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

const built = '../../dist/cjs';
const { createWebhookRouter } = (await import(`${built}/index.js`)) as typeof import('../../src/index.js');
const { inspector } = (await import(`${built}/inspector/index.js`)) as typeof import('../../src/inspector/index.js');
const { signedRequest } = (await import(`${built}/testing/index.js`)) as typeof import('../../src/testing/index.js');

const [role, historyFile = ''] = process.argv.slice(2);
const secret = 'the key of a test';
const webhooks = createWebhookRouter({ secret, dedupe: false, logger: {} });
const panel = inspector(webhooks, { historyFile });
const send = (pad = '') => webhooks.receive(signedRequest({ event: 'User.LoggedIn', data: { pad } }, { secret }));

const roles: Record<string, () => Promise<unknown>> = {
  'is killed by a handler': () => {
    webhooks.onAny(() => void process.kill(process.pid, 'SIGKILL'));
    return send();
  },
  'exits after a delivery': async () => {
    webhooks.on('User.LoggedIn', () => {});
    await send();
    process.exit();
  },
  'keeps the file open': async () => {
    await send();
    await turn();
    process.send?.('open');
    process.once('message', () => {
      panel.close();
      process.disconnect();
    });
  },
  'fills its disk': async () => {
    const ballast = join(historyFile, '../ballast');
    writeFileSync(ballast, Buffer.alloc(12_000_000));
    for (let index = 0; index < 100; index++) {
      await send('x'.repeat(50_000));
      await turn();
    }
    rmSync(ballast);
    await send('the last one');
    panel.close();
  },
};
await roles[role ?? '']?.();
