import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
import { type Run, runCli } from '../helpers/cli.js';

const SECRET = 'the key of a webhook, which must stay secret';
const KEY = { CAKEMAIL_WEBHOOK_SECRET: SECRET };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('verify and doctor', () => {
  const { body, headers } = signedRequest(sampleEvent('User.LoggedIn'), { secret: SECRET });
  const signature = headers['x-signature'] ?? '';
  const look = (command: string, capture: string, more: string[] = [], env: object = KEY): Promise<Run> =>
    runCli([command, '--body', capture, '--signature', signature, ...more], { env, input: body });

  test('accepts a valid signature', async () => {
    expect(await look('verify', file('body', body))).toMatchObject({ code: 0, out: 'The signature is valid.' });
    expect(await look('verify', '-')).toMatchObject({ code: 0 });
    expect(await look('doctor', '-')).toMatchObject({ code: 0, out: expect.stringContaining('would accept') });
  });

  test('explains a signature that is not valid', async () => {
    const capture = file('body', `${body}\n`);
    expect(await look('verify', capture)).toMatchObject({ code: 1, out: expect.stringContaining('is not valid') });
    const { code, out } = await look('doctor', capture);
    expect(code).toBe(1);
    expect(out).toContain(
      'The body has a line break at its end that was not sent.\n  Save captures without a final line break',
    );
    const found = JSON.parse((await look('doctor', capture, ['--json', '--secret', ` ${SECRET}`])).out);
    expect(found.mistakes.map(({ id }: { id: string }) => id)).toEqual(['key-space', 'body-newline-added']);
  });

  test('recognises the key of another event', async () => {
    const env = { CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': SECRET }) };
    expect((await look('doctor', '-', [], env)).out).toContain(
      'The event is User.LoggedIn, but it was signed with the key of Email.Sent',
    );
  });

  test('reports when no known mistake explains the signature', async () => {
    const { code, out } = await look('doctor', '-', ['--secret', 'another one']);
    expect([code, out]).toEqual([1, expect.stringContaining('No known mistake explains it.')]);
  });

  test.each([
    ['', 'not base64'],
    ['zz', 'not base64'],
    ['A'.repeat(43), 'without the `=` at its end'],
    [createHmac('sha1', SECRET).update(body).digest('base64'), 'the base64 of 20 bytes, as SHA-1 gives'],
    [createHmac('sha512', SECRET).update(body).digest('base64'), 'the base64 of 64 bytes, as SHA-512 gives'],
  ])('describes a text that cannot be a signature: %j', async (given, what) => {
    const { code, out } = await runCli(['doctor', '--body', '-', `--signature=${given}`], { env: KEY, input: body });
    expect([code, out]).toEqual([1, expect.stringContaining(`The signature is ${what}; Cakemail's is`)]);
  });

  test('refuses a file that does not exist', async () => {
    expect(await look('verify', join(folder, 'nowhere'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('ENOENT'),
    });
  });
});
