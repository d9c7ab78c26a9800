import Database from 'libsql';
import { cli, counts, fill } from '../helpers/cli-inbox.js';
import { closeAll, newPlace, onEachEngine, type Place, SQLITE } from '../helpers/inbox.js';

afterEach(closeAll);

onEachEngine((engine) => {
  test('`show` and `replay` accept a prefix of an id', async () => {
    const place = await newPlace(engine);
    const [id = ''] = await fill(place, ['Email.Sent']);
    for (const part of [id, id.slice(0, 12), id.slice(0, 1), id.slice(0, 20).toUpperCase()]) {
      expect(JSON.parse((await cli(place, `show ${part} --json`)).out)).toMatchObject({ id, event: 'Email.Sent' });
    }
    expect(await cli(place, `replay ${id.slice(0, 4)} --yes --json`)).toMatchObject({ code: 0, err: '' });
    expect(await counts(place)).toEqual({ dead: 0, done: 0, waiting: 1 });
  });

  test('an ambiguous prefix lists the matching deliveries, and changes nothing', async () => {
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

describe('an id that matches no delivery', () => {
  let place: Place;
  beforeEach(async () => {
    place = await newPlace(SQLITE);
    await fill(place, ['Email.Sent']);
  });

  test.each(['show', 'replay --yes'])(
    'is wrong usage, and is not repeated because it may be a key: %s',
    async (command) => {
      for (const given of ['0'.repeat(64), '0'.repeat(20), 'ck_pat_secret', `${'0'.repeat(64)}0`, '%', '_']) {
        const { code, out, err } = await cli(place, `${command} ${given}`);
        expect([code, out]).toEqual([2, '']);
        const missing = given.length === 64 ? 'this id' : 'an id that begins like this';
        expect(err).toMatch(new RegExp(`^No delivery has ${missing}\\.|^An id has up to 64 hex digits`));
        expect(err).not.toContain(given.length > 1 ? given : '%');
      }
    },
  );
});

test('an inbox that fails after it was opened is reported by its own code, with the code of the engine', async () => {
  const place = await newPlace(SQLITE);
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
    const place = await newPlace(SQLITE);
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

test('a long event name does not widen the other rows of a table', async () => {
  const place = await newPlace(SQLITE);
  await fill(place, ['Email.Sent', 'x'.repeat(20_000)]);
  for (const command of ['list', 'stats']) expect((await cli(place, command)).out.length).toBeLessThan(2_000);
});

describe('a misspelt --event', () => {
  let place: Place;
  beforeEach(async () => {
    place = await newPlace(SQLITE);
    await fill(place, ['Email.Sent', 'Own.Thing']);
  });

  test.each([
    ['list --event Email.Snet', 'Email.Sent'],
    ['replay --event Email.Snet', 'Email.Sent'],
    ['replay --event Email.Snet --yes', 'Email.Sent'],
    ['list --event email.bounced', 'Email.Bounced'],
    ['list --event Own.Thin', 'Own.Thing'],
  ])('causes a suggestion of the right name: %s', async (args, meant) => {
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
  ])('causes no suggestion when no name is similar: %s', async (args) => {
    expect(await cli(place, args)).toMatchObject({ code: 0, err: '' });
  });

  test('a pattern is refused because a filter takes one exact name', async () => {
    for (const args of ['list --event Email.*', 'replay --event * --yes']) {
      expect(await cli(place, args)).toMatchObject({ code: 2, err: expect.stringContaining('Name one event') });
    }
    expect(await counts(place)).toEqual({ dead: 1, done: 1, waiting: 0 });
  });
});
