import { cli, counts, fill, ONE_ATTEMPT } from '../helpers/cli-inbox.js';
import { closeAll, drained, newPlace, open, type Place, routerOn, SQLITE } from '../helpers/inbox.js';

afterEach(closeAll);

describe('replay', () => {
  let place: Place;
  let ids: string[];
  beforeEach(async () => {
    place = await newPlace(SQLITE);
    ids = await fill(place, ['Email.Sent', 'User.LoggedIn', 'Email.Opened']);
  });

  test('58. `inbox replay` lists what it would replay, asks, and replays after yes', async () => {
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

  test('58. `inbox replay` without a terminal lists, refuses with code 2 and names --yes', async () => {
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

  test('lists twenty of many deliveries and counts the rest', async () => {
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
  ])('a forgotten option never selects everything: %s', async (args, said) => {
    const { code, err } = await cli(place, args, { answer: 'y' });
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    expect(await counts(place)).toEqual({ dead: 2, done: 1, waiting: 0 });
  });
});
