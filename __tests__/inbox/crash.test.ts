import {
  allHandled,
  close,
  deliveries,
  handled,
  openLog,
  sendAll,
  start,
  stopAll,
} from '../helpers/child-receivers.js';
import { newPlace, onEachEngine } from '../helpers/inbox.js';

const COUNT = 2_000;
const DELIVERIES = deliveries(COUNT);

beforeEach(openLog);
afterEach(stopAll);

onEachEngine((engine) => {
  test.each([1, 400, 800, 1_200, 1_900])(
    'a process that is killed after %i responses loses none of the deliveries that it acknowledged',
    async (responses) => {
      const place = await newPlace(engine);
      const first = await start(place);
      const acknowledged = new Set<string>();
      await sendAll(first, DELIVERIES, (status, id) => {
        if (status === 202) acknowledged.add(id);
        if (acknowledged.size === responses) first.process.kill('SIGKILL');
      });
      expect(acknowledged.size).toBeGreaterThanOrEqual(responses);
      expect(acknowledged.size).toBeLessThan(COUNT);

      const second = await start(place);
      await allHandled(place);
      const missing = new Set(acknowledged);
      for (const id of handled()) missing.delete(id);
      expect(missing).toEqual(new Set());

      // All deliveries again: those that were handled do not run again, and each of the others runs once.
      const before = handled();
      expect(await sendAll(second, DELIVERIES)).toEqual({ 202: COUNT });
      await allHandled(place);
      const added = handled().slice(before.length);
      expect(added).toHaveLength(COUNT - new Set(before).size);
      expect(new Set([...before, ...added]).size).toBe(COUNT);
      await close(second);
    },
    300_000,
  );

  test('two receiving processes and two workers that share an inbox handle each delivery once', async () => {
    const place = await newPlace(engine);
    const web = await Promise.all([start(place, 'web'), start(place, 'web')]);
    const workers = await Promise.all([start(place, 'worker'), start(place, 'worker')]);
    const counts = await Promise.all(web.map((receiver) => sendAll(receiver, DELIVERIES)));
    expect(counts).toEqual([{ 202: COUNT }, { 202: COUNT }]);
    await allHandled(place);
    const ids = handled();
    expect([ids.length, new Set(ids).size]).toEqual([COUNT, COUNT]);
    await Promise.all([...web, ...workers].map(close));
  }, 300_000);
});
