import { startFake, stopFake, URL_HERE } from '../helpers/api-client.js';
import { type Run, runCli } from '../helpers/cli.js';
import { type FakeCakemail, TOKEN } from '../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const cli = (args: readonly string[], env: object = {}): Promise<Run> =>
  runCli(args, { env: { CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, ...env } });

test.each<[string, string[]]>([
  ['no event', ['apply', '--url', URL_HERE, '--events', '', '--prune']],
  ['no event but commas', ['apply', '--url', URL_HERE, '--events', ' , ', '--prune']],
  ['no event among others', ['apply', '--url', URL_HERE, '--events', 'User.LoggedIn', '--events', '', '--prune']],
  ['no URL', ['list', '--url', '']],
  ['no file', ['keys', '--url', URL_HERE, '--out', ' ']],
])('a variable that is not set archives nothing and sends nothing: %s', async (_what, args) => {
  fake.add('User.LoggedIn', URL_HERE);
  const { code, err } = await cli(args);
  expect([code, err]).toEqual([2, expect.stringContaining('A shell variable may be unset.')]);
  expect([fake.active(URL_HERE), fake.calls]).toEqual([['User.LoggedIn'], []]);
});

test.each(['', ' \t'])('an address of the API that is set to nothing does not mean the real one: %j', async (url) => {
  const { code, err } = await cli(['list'], { CAKEMAIL_API_URL: url });
  expect([code, err]).toEqual([2, expect.stringContaining('CAKEMAIL_API_URL is empty')]);
});

test.each([
  ['plan', '--events', 'Email.*'],
  ['apply', '--events', 'Email.*'],
  ['create', 'Email.Sent'],
  ['keys', '--out', '/nowhere/.env'],
  ['list'],
])('a --url without http:// is explained, and nothing is sent: %s', async (...args) => {
  const { code, err } = await cli([...args, '--url', 'localhost:3107/x']);
  expect([code, err, fake.calls]).toEqual([2, expect.stringContaining('It must begin with http:// or https://'), []]);
});

test.each([
  ['create', 'Email.Snet', "Did you mean 'Email.Sent'?"],
  ['create', 'email.sent', "Did you mean 'Email.Sent'?"],
  ['create', 'Email.*', 'one event'],
])(
  'a misspelt event is answered with the one that was probably meant, and nothing is sent: %s %s',
  async (command, event, said) => {
    const { code, err } = await cli([command, event, '--url', URL_HERE]);
    expect([code, err, fake.calls]).toEqual([2, expect.stringContaining(said), []]);
  },
);

// A guide of the vendor's lists the first; the second differs from 'Email.Unsubscribed' in three characters.
test.each(['Contact.Unsubscribed', 'Emails.Unsubscribers', 'Something.QuiteNew'])(
  'an event that differs in more than two characters from each published one may be newer than the list, so the API decides, and a warning says so: %s',
  async (event) => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await cli(['create', event, '--url', URL_HERE]);
    fake.violations.length = 0;
    expect(fake.calls).toContain('POST /webhooks');
    expect(warn.mock.calls).toEqual([
      [`'${event}' is not an event that Cakemail publishes.`, expect.objectContaining({ code: 'WARN_EVENT_NAME' })],
    ]);
    warn.mockRestore();
  },
);

test('a published event is created without a warning', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  expect((await cli(['create', 'Email.Sent', '--url', URL_HERE])).code).toBe(0);
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

describe('a secret in the wrong place is not repeated', () => {
  test.each<[string[], string]>([
    [['list', `--token=${TOKEN}`], "error: unknown option '--token'"],
    [['list', `--jsn=${TOKEN}`], "error: unknown option '--jsn'"],
    [['list', `-t${TOKEN}`], "error: unknown option '-t'"],
    [['list', `--${TOKEN}`], 'error: unknown option'],
    [['list', `--token=it's\n${TOKEN}`], "error: unknown option '--token'"],
    [['list', TOKEN], "error: too many arguments for 'list'. Expected 0 arguments but got 1."],
    [[TOKEN, 'list'], 'error: unknown command; --help lists all commands'],
    [['inbox', TOKEN], 'error: unknown command; --help lists all commands'],
    [['trigger', TOKEN], 'Cakemail publishes no such event.'],
    [
      ['rotate', 'wh-1', '--grace', TOKEN],
      "error: option '--grace <seconds>' is invalid. It must be a whole number of seconds.",
    ],
  ])('%j', async (args, said) => {
    expect(await cli(args)).toEqual({ code: 2, out: '', err: `${said} [ERR_USAGE]` });
  });

  test('although the message suggests the right name', async () => {
    expect((await cli(['list', '--jsn'])).err).toBe(
      "error: unknown option '--jsn' [ERR_USAGE]\n(Did you mean --json?)",
    );
  });
});
