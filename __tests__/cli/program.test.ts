import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { ended, killAll, start } from '../helpers/cli-process.js';
import { type FakeCakemail, TOKEN } from '../helpers/fake-cakemail.js';

const FULL = '/dev/full';
const TARGET = ['--url', URL_HERE, '--events', 'Email.*,MFA.*,User.*'];

afterEach(killAll);

describe('when its output is not read', () => {
  let fake: FakeCakemail;
  beforeEach(async () => {
    fake = await startFake();
  });
  afterEach(stopFake);

  function cakemail(args: readonly string[], stdio?: ('pipe' | number)[]): ChildProcess {
    return start(args, { CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl }, stdio && { stdio });
  }

  test('a reader that stops early does not interrupt the work', async () => {
    const child = cakemail(['apply', ...TARGET]);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.stdout?.destroy();
    expect(await ended(child)).toMatchObject({ code: 0, err: '' });
    const names = fake.active(URL_HERE);
    expect(names.length).toBeGreaterThan(10);
    expect((await ended(cakemail(['plan', ...TARGET, '--check']))).code).toBe(0);
  });

  test('a reader that stops early does not change the exit code', async () => {
    const child = cakemail(['plan', ...TARGET, '--check']);
    child.stdout?.destroy();
    expect(await ended(child)).toMatchObject({ code: 3, err: '' });
  });

  test('nor does a reader of the errors', async () => {
    const child = cakemail(['show', 'nothing']);
    child.stderr?.destroy();
    expect((await ended(child)).code).toBe(1);
  });

  const onFull = existsSync(FULL) ? test : test.skip;
  onFull('a full disk is reported as a failure after the work was done', async () => {
    const full = openSync(FULL, 'w');
    const asJson = await ended(cakemail(['list', '--json'], ['pipe', full, 'pipe']));
    expect([asJson.code, JSON.parse(asJson.err)]).toEqual([
      1,
      { error: { code: 'ERR_FAILED', message: expect.stringContaining('ENOSPC') } },
    ]);
    for (const command of [['list'], ['plan', ...TARGET, '--check'], ['apply', ...TARGET]]) {
      const { code, err } = await ended(cakemail(command, ['pipe', full, 'pipe']));
      expect([code, err]).toEqual([
        1,
        expect.stringMatching(/^The output could not be written: .*ENOSPC.* \[ERR_FAILED\]$/),
      ]);
    }
    expect((await ended(cakemail(['plan', ...TARGET, '--check']))).code).toBe(0);
  });

  onFull('errors that cannot be written leave the exit code unchanged', async () => {
    const full = openSync(FULL, 'w');
    expect((await ended(cakemail(['show', 'nothing'], ['pipe', 'pipe', full]))).code).toBe(1);
    expect((await ended(cakemail(['list', '--nothing'], ['pipe', full, full]))).code).toBe(2);
  });
});

describe('Ctrl-C', () => {
  const env = { CAKEMAIL_WEBHOOK_SECRET: 'the key of a test' };
  let server: Server;
  let url: string;
  beforeEach(async () => {
    server = createServer((_req, res) => res.end('thanks')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test('ends a long series at once', async () => {
    const child = start(['trigger', 'User.LoggedIn', '--url', url, '--count', '1000', '--rate', '1'], env);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    expect(await ended(child)).toMatchObject({ code: 130, err: expect.stringContaining('Interrupted') });
  });

  test('ends the wait for an answer', async () => {
    server.removeAllListeners('request');
    const requested = once(server, 'request');
    const child = start(['trigger', 'User.LoggedIn', '--url', url], env);
    await requested;
    child.kill('SIGINT');
    expect((await ended(child)).code).toBe(130);
  });

  test('ends the wait for standard input', async () => {
    const child = start(['verify', '--body', '-', '--signature', 'x'], { ...env, NODE_DEBUG: 'stream' });
    // It looks at its input, and finds nothing.
    await once(child.stderr as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    expect((await ended(child)).code).toBe(130);
  });
});
