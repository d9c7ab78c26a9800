import { once } from 'node:events';
import { connect } from 'node:net';
import { sampleEvent, sign } from '../../src/testing/index.js';
import { deliver, listen, SECRET } from '../helpers/cli-listen.js';
import { killAll } from '../helpers/cli-process.js';

afterEach(killAll);

describe('explains below a rejection:', () => {
  const body = JSON.stringify(sampleEvent('User.LoggedIn'));
  const signature = sign(body, SECRET);

  test.each<[what: string, body: string, header: Record<string, string>, said: string[]]>([
    ['a key in quotes', body, { 'x-signature': sign(body, `"${SECRET}"`) }, ['quotes around the key', 'Remove them']],
    ['a body that was changed', `${body}\n`, { 'x-signature': signature }, ['a line break at its end', 'printf']],
    ['a signature without its padding', body, { 'x-signature': signature.slice(0, -1) }, ['lost the `=`', 'unchanged']],
    [
      'the other header',
      body,
      { 'x-cakemail-signature': `sha256=${signature}` },
      ['a prefix such as', 'only the base64'],
    ],
    ['no signature', body, {}, ['has neither x-signature nor x-cakemail-signature']],
    [
      'nothing that is known',
      body,
      { 'x-signature': sign(body, 'another') },
      ['No known mistake explains it', 'show <id>'],
    ],
    ['another digest', body, { 'x-signature': `${'A'.repeat(86)}==` }, ['the base64 of 64 bytes, as SHA-512 gives']],
    [
      'nothing that is known, and a large body',
      'x'.repeat(65 * 1024),
      { 'x-signature': signature },
      ['not every known mistake was tried', '`cakemail-webhooks doctor` tries them all'],
    ],
  ])('%s', async (_what, sent, header, said) => {
    const { url, says, printed } = await listen();
    expect((await deliver(url, sent, header)).status).toBe(403);
    for (const text of said) await says(text);
    expect(printed()).toMatch(/403 +unverified rejected: (mismatch|malformed|missing); see the page\n {13}\S/);
    for (const secret of [SECRET, signature.slice(0, 43)]) expect(printed()).not.toContain(secret);
  });

  test.each<[what: string, lines: string[], said: string]>([
    ['twice', [`X-Signature: ${signature}`, 'x-signature: another'], 'x-signature was sent more than once'],
    [
      'twice under the other name',
      [`X-Cakemail-Signature: ${signature}`, `X-Cakemail-Signature: ${signature}`],
      'x-cakemail-signature was sent more than once',
    ],
    ['blank', ['X-Signature: '], 'The value of x-signature is blank'],
    [
      'blank, and right under the other name',
      ['X-Signature: ', `X-Cakemail-Signature: ${signature}`],
      'x-signature is',
    ],
  ])('a header that is sent %s', async (_what, lines, said) => {
    const { url, says, printed, interrupt } = await listen();
    const head = [
      'POST / HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      `Content-Length: ${body.length}`,
      ...lines,
    ];
    const socket = connect(Number(new URL(url).port), 'localhost');
    const closed = once(socket, 'close');
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`).resume();
    await says(said);
    await closed;
    expect(await interrupt()).toBe(0);
    // The line of the refusal is followed by one explanation, and no other.
    expect(printed()).toMatch(/403 +unverified rejected: (malformed|missing); see the page\n {13}\S[^\n]*\n$/);
    expect(printed()).not.toMatch(/The signature is|No known mistake/);
    expect(printed()).not.toContain(signature.slice(0, 43));
  });

  test('the key of another event, whose name is truncated and stripped of control characters', async () => {
    const { url, says, printed } = await listen([], {
      CAKEMAIL_WEBHOOK_SECRETS: JSON.stringify({ 'Email.Sent': SECRET }),
    });
    const foreign = JSON.stringify({ event: `Own\u001b[2J\n12:00:00  200 ${'x'.repeat(5_000)}` });
    expect((await deliver(url, foreign, { 'x-signature': sign(foreign, SECRET) })).status).toBe(403);
    await says('The event is Own?[2J?12:00:00');
    await says('Each event has its own webhook and its own key');
    expect(printed()).not.toContain('\u001b');
    expect(printed().length).toBeLessThan(3_000);
  });

  test('a request that is rejected before its body is read is reported once, without a diagnosis', async () => {
    const { url, says, printed, interrupt } = await listen();
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(405);
    await says('405 unverified rejected: ');
    expect(await interrupt()).toBe(0);
    expect(printed().match(/rejected/g)).toHaveLength(1);
    expect(printed()).not.toContain('No known mistake');
  });
});
