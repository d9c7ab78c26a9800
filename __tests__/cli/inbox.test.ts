import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { sampleEvent } from '../../src/testing/index.js';
import { type Run, type RunOptions, runCli } from '../helpers/cli.js';
import { closeAll, drained, newPlace, onEachEngine, open, type Place, routerOn, send } from '../helpers/inbox.js';
import { next } from '../helpers/waiting.js';

const ONE_ATTEMPT = { retries: { attempts: 1 }, pollMs: 10 };

/** Stores events of these names. Their handlers fail for names that begin with `Email.`, so that those are dead. */
async function fill(place: Place, names: readonly string[]): Promise<string[]> {
  const inbox = await open(place, ONE_ATTEMPT);
  const webhooks = routerOn(inbox);
  webhooks.on('Email.*', () => {
    throw new Error('not today');
  });
  const ids: string[] = [];
  for (const [index, name] of names.entries()) {
    const stored = next(webhooks, 'stored');
    await send(webhooks, { ...sampleEvent('User.LoggedIn'), event: name, created_on: 1_700_000_000 + index });
    ids.push((await stored).delivery.id);
  }
  await drained(inbox);
  await webhooks.close();
  return ids;
}

const cli = (place: Place, args: string, around: RunOptions = {}): Promise<Run> => {
  const env = { CAKEMAIL_INBOX_URL: place.address, CAKEMAIL_INBOX_NAME: place.options.name };
  return runCli(['inbox', ...args.split(' ')], { ...around, env });
};

/** How many deliveries of each state there are. */
async function counts(place: Place): Promise<{ dead: number; done: number; waiting: number }> {
  const { dead, done, waiting } = JSON.parse((await cli(place, 'stats --json')).out);
  return { dead, done, waiting };
}

afterEach(closeAll);

onEachEngine((engine) => {
  test('the beginning of an id stands for the delivery, in `show` and in `replay`', async () => {
    const place = await newPlace(engine);
    const [id = ''] = await fill(place, ['Email.Sent']);
    for (const part of [id, id.slice(0, 12), id.slice(0, 1), id.slice(0, 20).toUpperCase()]) {
      expect(JSON.parse((await cli(place, `show ${part} --json`)).out)).toMatchObject({ id, event: 'Email.Sent' });
    }
    expect(await cli(place, `replay ${id.slice(0, 4)} --yes --json`)).toMatchObject({ code: 0, err: '' });
    expect(await counts(place)).toEqual({ dead: 0, done: 0, waiting: 1 });
  });

  test('an ambiguous beginning of an id lists the deliveries that it fits, and changes nothing', async () => {
    const place = await newPlace(engine);
    // More ids than hex digits: two of them begin with the same digit.
    const ids = await fill(
      place,
      Array.from({ length: 17 }, () => 'Email.Sent'),
    );
    const digits = ids.map(([digit]) => digit);
    const digit = digits.find((each, index) => digits.indexOf(each) !== index) ?? '';
    const fitting = ids.filter((id) => id.startsWith(digit));
    for (const command of [`show ${digit}`, `replay ${digit} --yes`]) {
      const { code, out, err } = await cli(place, command);
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain(`${fitting.length} deliveries have an id that begins with ${digit}`);
      for (const id of fitting) expect(err).toContain(`${id.slice(0, 9)}… (Email.Sent, dead)`);
      for (const id of ids) expect(err).not.toContain(id);
    }
    expect(await counts(place)).toEqual({ dead: 17, done: 0, waiting: 0 });
  });

  test('`replay --all` lists what is done and dead, and replays it on yes', async () => {
    const place = await newPlace(engine);
    await fill(place, ['Email.Sent', 'User.LoggedIn', 'Email.Opened']);
    const asked = await cli(place, 'replay --all', { answer: 'y' });
    for (const name of ['Email.Sent', 'User.LoggedIn', 'Email.Opened']) expect(asked.err).toContain(name);
    expect(asked).toMatchObject({ code: 0, out: '3 to be handled once more.' });
    expect(await counts(place)).toEqual({ dead: 0, done: 0, waiting: 3 });
  });
});

describe('an id that begins no delivery', () => {
  let place: Place;
  beforeEach(async () => {
    place = await newPlace({ name: 'SQLite', address: 'file:', place: sqlitePlace });
    await fill(place, ['Email.Sent']);
  });

  test.each(['show', 'replay --yes'])('is wrong use, and is not repeated, as it may be a key: %s', async (command) => {
    for (const given of ['0'.repeat(64), '0'.repeat(20), 'ck_pat_secret', `${'0'.repeat(64)}0`, '%', '_']) {
      const { code, out, err } = await cli(place, `${command} ${given}`);
      expect([code, out]).toEqual([2, '']);
      const missing = given.length === 64 ? 'this id' : 'an id that begins like this';
      expect(err).toMatch(new RegExp(`^No delivery has ${missing}\\.|^An id has up to 64 hex digits`));
      expect(err).not.toContain(given.length > 1 ? given : '%');
    }
  });
});

test('an inbox that fails after it was opened is reported by its own code, with the code of the engine', async () => {
  const place = await newPlace({ name: 'SQLite', address: 'file:', place: sqlitePlace });
  await fill(place, ['Email.Sent']);
  const db = new Database(place.address.slice('file:'.length));
  db.exec("CREATE TRIGGER refuse BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'no'); END");
  db.close();
  const { code, out, err } = await cli(place, 'replay --all --yes --json');
  expect([code, out]).toEqual([1, '']);
  expect(JSON.parse(err.split('\n').at(-1) ?? '')).toEqual({
    error: { code: 'ERR_INBOX_UNAVAILABLE', message: expect.stringMatching(/^SQLite .*\(SQLITE_\w+\)$/) },
  });
});

describe('an ambiguous id', () => {
  test('lists at most ten deliveries, and no name of theirs steers the terminal', async () => {
    const place = await newPlace({ name: 'SQLite', address: 'file:', place: sqlitePlace });
    const ids = await fill(
      place,
      Array.from({ length: 200 }, () => `Own\u001b[2J.${'x'.repeat(500)}`),
    );
    const digits = ids.map(([digit]) => digit ?? '');
    const times = (digit: string): number => digits.filter((each) => each === digit).length;
    const [digit = ''] = digits.filter((each) => times(each) > 10);
    const { err } = await cli(place, `show ${digit}`);
    expect(err.match(/… \(Own\?\[2J\.x+…, done\)/g)).toHaveLength(10);
    expect(err).toContain(`and ${times(digit) - 10} more`);
    expect(err).not.toContain('\u001b');
    expect(err.length).toBeLessThan(2_000);
  });
});

describe('replay', () => {
  let place: Place;
  let ids: string[];
  beforeEach(async () => {
    place = await newPlace({ name: 'SQLite', address: 'file:', place: sqlitePlace });
    ids = await fill(place, ['Email.Sent', 'User.LoggedIn', 'Email.Opened']);
  });

  test('lists what it would replay, asks, and does it on yes', async () => {
    for (const answer of ['y', 'Y', ' yes ']) {
      const { code, out, err } = await cli(place, `replay ${ids[1]}`, { answer });
      expect(err).toContain(`${ids[1]}  User.LoggedIn  done`);
      expect(err).toContain('Handle 1 delivery once more, by all of its handlers? [y/N]');
      expect([code, out]).toEqual([0, '1 to be handled once more.']);
      const inbox = await open(place, ONE_ATTEMPT);
      const webhooks = routerOn(inbox);
      await drained(inbox);
      await webhooks.close();
    }
  });

  test.each(['n', '', 'no', 'yesterday', 'y\u0000'])('replays nothing on %j, and ends with 1', async (answer) => {
    expect(await cli(place, 'replay --state dead', { answer })).toMatchObject({
      code: 1,
      out: 'Nothing was replayed.',
    });
    const { code, out } = await cli(place, 'replay --state dead --json', { answer });
    expect([code, JSON.parse(out)]).toEqual([1, { replayed: 0 }]);
    expect(await counts(place)).toEqual({ dead: 2, done: 1, waiting: 0 });
  });

  test('without a terminal it lists, refuses with code 2 and names --yes', async () => {
    const { code, out, err } = await cli(place, 'replay --state dead');
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('Email.Opened');
    expect(err).not.toContain('User.LoggedIn');
    expect(err).toMatch(/Without a terminal, pass --yes .* \[ERR_USAGE\]$/);
    expect(await counts(place)).toEqual({ dead: 2, done: 1, waiting: 0 });
  });

  test('--yes asks nothing', async () => {
    expect(await cli(place, 'replay --state dead --yes')).toEqual({
      code: 0,
      out: '2 to be handled once more.',
      err: '',
    });
  });

  test('of many it lists twenty and says how many more there are', async () => {
    await fill(
      place,
      Array.from({ length: 23 }, () => 'Email.Clicked'),
    );
    const { err } = await cli(place, 'replay --event Email.Clicked', { answer: 'n' });
    expect(err.match(/Email\.Clicked {2}dead/g)).toHaveLength(20);
    expect(err).toContain('… and 3 more');
    expect(err).toContain('Handle 23 deliveries once more, each by all of its handlers? [y/N]');
  });

  test('does not ask when no delivery could be replayed', async () => {
    const nothing = { code: 0, out: '0 to be handled once more: only done and dead deliveries are.' };
    expect(await cli(place, 'replay --state waiting')).toMatchObject(nothing);
    expect(await cli(place, 'replay --event Email.Bounced')).toMatchObject(nothing);
    expect(JSON.parse((await cli(place, 'replay --state active --json')).out)).toEqual({ replayed: 0 });
  });

  test.each([
    ['replay', 'Pass an id, or --state, --event or --since; --all replays everything that is done or dead.'],
    ['replay --yes', 'Pass an id'],
    ['replay ab12 --state dead', 'Pass either an id, or --state'],
    ['replay ab12 --all', 'Pass either an id, or --state'],
    ['replay --all --event Email.Sent', '--all selects everything'],
  ])('everything is never what is left when an option was forgotten: %s', async (args, said) => {
    const { code, err } = await cli(place, args, { answer: 'y' });
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    expect(await counts(place)).toEqual({ dead: 2, done: 1, waiting: 0 });
  });
});

test('a long name of one event makes no other row of a table longer', async () => {
  const place = await newPlace({ name: 'SQLite', address: 'file:', place: sqlitePlace });
  await fill(place, ['Email.Sent', 'x'.repeat(20_000)]);
  for (const command of ['list', 'stats']) expect((await cli(place, command)).out.length).toBeLessThan(2_000);
});

describe('a misspelt --event', () => {
  let place: Place;
  beforeEach(async () => {
    place = await newPlace({ name: 'SQLite', address: 'file:', place: sqlitePlace });
    await fill(place, ['Email.Sent', 'Own.Thing']);
  });

  test.each([
    ['list --event Email.Snet', 'Email.Sent'],
    ['replay --event Email.Snet', 'Email.Sent'],
    ['replay --event Email.Snet --yes', 'Email.Sent'],
    ['list --event email.bounced', 'Email.Bounced'],
    ['list --event Own.Thin', 'Own.Thing'],
  ])('is answered with the name that was probably meant: %s', async (args, meant) => {
    const { code, err } = await cli(place, args);
    expect([code, err]).toEqual([0, expect.stringContaining(`Did you mean '${meant}'?`)]);
  });

  test('leaves standard output to programs', async () => {
    const { out, err } = await cli(place, 'list --event Email.Snet --json');
    expect([JSON.parse(out), err]).toEqual([[], expect.stringContaining("Did you mean 'Email.Sent'?")]);
  });

  test.each([
    'list --event Email.Bounced',
    'list --event Own.Thing --state dead',
    'list --event Nothing.LikeIt',
    'list --event Own.Thing',
  ])('and a name that is none, or like no other, is not: %s', async (args) => {
    expect(await cli(place, args)).toMatchObject({ code: 0, err: '' });
  });

  test('a pattern is refused: a filter takes one exact name', async () => {
    for (const args of ['list --event Email.*', 'replay --event * --yes']) {
      expect(await cli(place, args)).toMatchObject({ code: 2, err: expect.stringContaining('Name one event') });
    }
    expect(await counts(place)).toEqual({ dead: 1, done: 1, waiting: 0 });
  });
});

async function sqlitePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'cli-inbox-'));
  return {
    address: `file:${join(folder, 'inbox.db')}`,
    options: {},
    clear: async () => rmSync(folder, { recursive: true }),
  };
}
