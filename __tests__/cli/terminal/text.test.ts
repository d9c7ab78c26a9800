import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { table, toJson, toJsonLine, toShortLine } from '../../../src/cli/terminal/text.js';
import { stripControlChars, toOneLine } from '../../../src/shared/control-chars.js';
import { startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import { type Run, type RunOptions, runCli } from '../../helpers/cli.js';
import { type FakeCakemail, TOKEN } from '../../helpers/fake-cakemail.js';

/** Clears the screen, turns the direction of writing, hides, and ends the line. */
const NASTY = '\u001b[2J\u202e\u200b\u2066\u009b1m\u2028';

describe('a text from outside', () => {
  test('shows what would steer the terminal, hide or reorder', () => {
    expect(toOneLine(`a${NASTY}\r\n\tb`)).toBe('a?[2J????1m????b');
    expect(stripControlChars('two\nlines\tand tab')).toBe('two\nlines\tand tab');
    expect(stripControlChars('Größe ✓ 漢字 🎂')).toBe('Größe ✓ 漢字 🎂');
  });

  test('is cut where a line would be too long', () => {
    expect(toShortLine('a\u001b\nb')).toBe('a??b');
    expect(toShortLine('abcd', 4)).toBe('abcd');
    expect(toShortLine('abcde', 4)).toBe('abcd…');
    expect(toShortLine('abc🎂', 4)).toBe('abc…');
  });

  test('is the same data in JSON of one line', () => {
    const value = { text: `a${NASTY}\n` };
    expect(toJsonLine(value)).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(JSON.parse(toJsonLine(value))).toEqual(value);
  });

  test('is the same data in JSON', () => {
    const value = { [NASTY]: `${NASTY}\u{e0041}\u007f\n` };
    expect(toJson(value)).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\u2028]/u);
    expect(JSON.parse(toJson(value))).toEqual(value);
  });
});

describe('a table', () => {
  const rows = [
    ['ID', 'EVENT', 'URL'],
    ['1', 'User.LoggedIn', 'https://example.com'],
  ];
  test('has its columns beneath one another', () => {
    expect(table(rows)).toBe('ID  EVENT          URL\n1   User.LoggedIn  https://example.com');
    expect(table(rows, 38)).toBe(table(rows));
  });
  test('puts the last one beneath the others where it is too wide', () => {
    expect(table(rows, 37)).toBe('ID  EVENT\n    URL\n1   User.LoggedIn\n    https://example.com');
  });
});

describe('what a command prints', () => {
  let fake: FakeCakemail;
  beforeEach(async () => {
    fake = await startFake();
  });
  afterEach(stopFake);

  const cli = (args: string, around: RunOptions = {}): Promise<Run> =>
    runCli(args.split(' '), {
      ...around,
      env: { CAKEMAIL_TOKEN: TOKEN, CAKEMAIL_API_URL: fake.baseUrl, ...around.env },
    });

  test('of names and ids from the API cannot steer the terminal', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'text-'));
    fake.add(`Own${NASTY}\n`, URL_HERE);
    const runs = [
      await cli('list'),
      await cli('show wh-1'),
      await cli(`keys --url ${URL_HERE} --out ${join(folder, '.env')}`),
      await cli('list --json'),
    ];
    rmSync(folder, { recursive: true });
    for (const { out, code } of runs) {
      expect(code).toBe(0);
      expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\u2028]/u);
    }
    fake.violations.length = 0; // the document knows no such name, which is the point
    expect(runs[2]?.out).toContain('the keys of Own?[2J????1m??');
  });

  test('of errors cannot either', async () => {
    const { code, err } = await cli(`show ${NASTY}`);
    expect(code).not.toBe(0);
    expect(err).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\u2028]/u);
    const missing = await cli(`verify --body nowhere${NASTY}\nDone: --signature x --secret y`);
    expect(missing.err).toContain('nowhere?[2J????1m??Done:');
  });

  test('of an answer to a delivery cannot either', async () => {
    const server = createServer((_req, res) => res.end(`ok${NASTY}`)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { out } = await cli(`trigger User.LoggedIn --secret x --url ${url}`, { isTerminal: true });
    server.closeAllConnections();
    server.close();
    expect(out).toContain('\u001b[32m200\u001b[39m ok?[2J');
    expect(out).not.toContain('\u202e');
  });

  test.each([
    [true, false],
    [false, true],
  ])('has colours for each stream that is a terminal: out %s, err %s', async (isTerminal, isErrTerminal) => {
    const plan = `plan --url ${URL_HERE} --events User.LoggedIn`;
    expect((await cli(plan, { isTerminal, isErrTerminal })).out.includes('\u001b[')).toBe(isTerminal);
    expect((await cli('show zz', { isTerminal, isErrTerminal })).err.includes('\u001b[')).toBe(isErrTerminal);
    const env = { NO_COLOR: '1' };
    expect((await cli('show zz', { isTerminal, isErrTerminal, env })).err).not.toContain('\u001b[');
  });
});
