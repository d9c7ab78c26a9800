import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { createWebhookRouter } from '../../src/index.js';
import { createLog } from '../../src/instrumentation/logger.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { SECRET } from '../helpers/harness.js';

describe('what the developer must see', () => {
  test('is a warning of the logger, every time, with its code and what lies behind it', () => {
    const warn = jest.fn();
    const log = createLog({ warn });
    const err = new Error('behind it');
    log.warnDeveloper('CODE', 'message');
    log.warnDeveloper('CODE', 'message', err);
    expect(warn.mock.calls).toEqual([
      [{ code: 'CODE' }, 'message'],
      [{ code: 'CODE', err }, 'message'],
    ]);
  });

  test('is a process warning without one, once a message and router', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      const log = createLog(undefined);
      const err = new Error('behind it');
      log.warnDeveloper('CODE', 'message');
      log.warnDeveloper('CODE', 'message');
      log.warnDeveloper('CODE', 'another', err);
      createLog(undefined).warnDeveloper('CODE', 'message');
      const type = 'CakemailWebhooksWarning';
      expect(emitWarning.mock.calls).toEqual([
        ['message', { type, code: 'CODE' }],
        ['another', { type, code: 'CODE', detail: err.stack }],
        ['message', { type, code: 'CODE' }],
      ]);
      log.write('error', {}, 'nothing else is');
      expect(emitWarning).toHaveBeenCalledTimes(3);
    } finally {
      emitWarning.mockRestore();
    }
  });
});

describe('process warnings about events that the sender names', () => {
  let emitWarning: jest.SpyInstance;
  beforeEach(() => {
    emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  });
  afterEach(() => {
    emitWarning.mockRestore();
  });

  test('47. a router gives ten warnings for each code, and then one that says that further ones are not shown', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.onAny(() => {
      throw new Error('boom');
    });
    for (let index = 0; index < 500; index++) {
      await webhooks.receive(signedRequest({ event: `Email.Sent${index}`, data: {} }, { secret: SECRET }));
    }
    const warnings = emitWarning.mock.calls.map(([message]) => String(message));
    expect(warnings).toHaveLength(11);
    expect(warnings[0]).toContain("'Email.Sent0'");
    expect(warnings[9]).toContain("'Email.Sent9'");
    expect(warnings[10]).toBe('Further warnings with this code are not shown.');
    webhooks.on('User.LogedIn' as never, () => {});
    expect(emitWarning).toHaveBeenCalledTimes(12);
  });

  test('47. a warning holds only the beginning of a long error message', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.onAny(() => {
      throw new Error('x'.repeat(200_000));
    });
    await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET }));
    const [[, options] = []] = emitWarning.mock.calls as unknown as [string, { detail: string }][];
    expect(options?.detail).toMatch(/^Error: xxx/);
    expect(options?.detail.length).toBeLessThanOrEqual(4_000);
  });

  test('49. a warning shows nothing of the error of a schema, because its message may quote the payload', async () => {
    const webhooks = createWebhookRouter({ secret: SECRET });
    webhooks.on('User.LoggedIn', (event) => {
      z.object({ email: z.number('johndoe1@example.com') }).parse(event.data);
    });
    await webhooks.receive(signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET }));
    expect(emitWarning.mock.calls).toEqual([
      [expect.stringContaining('User.LoggedIn'), { type: 'CakemailWebhooksWarning', code: 'ERR_HANDLER_FAILED' }],
    ]);
  });
});

test('49. text from outside does not steer the terminal on which process warnings are printed', async () => {
  const source = join(__dirname, process.env['BUILT'] ? '../../dist/cjs' : '../../src');
  const program = `
    import { createWebhookRouter } from '${source}/index.js';
    import { signedRequest } from '${source}/testing/index.js';
    const webhooks = createWebhookRouter({ secret: 'key' });
    const attack = 'A\\u001b[2J\\u009b2J\\u0007\\u007f\\u2028\\r\\nforged line';
    webhooks.on(attack, () => {});
    webhooks.onAny(() => { throw new Error(attack); });
    await webhooks.receive(signedRequest({ event: attack, data: {} }, { secret: 'key' }));`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', program];
  const { stderr } = await promisify(execFile)(process.execPath, args, { cwd: join(__dirname, '../..') });
  expect(stderr).toContain('ERR_HANDLER_FAILED');
  expect(stderr).toContain('WARN_EVENT_NAME');
  expect(stderr).toContain('forged line');
  expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  expect(stderr).not.toMatch(/^forged line/m);
});
