import type { EventName, Logger } from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { SECRET } from '../helpers/harness.js';
import { heapInUse } from '../helpers/heap.js';
import { startWithClient } from '../helpers/keep-alive-client.js';
import { hangUp } from '../helpers/raw-http.js';

afterEach(hangUp);

/** A delivery unlike any other. */
function delivery(number: number, name: EventName = 'User.LoggedIn'): ReturnType<typeof signedRequest> {
  return signedRequest(sampleEvent(name, { account_id: number + 1 }), { secret: SECRET });
}

/** Well-formed, and made with another key. */
function forgery(number: number): ReturnType<typeof signedRequest> {
  return signedRequest(sampleEvent('User.LoggedIn', { account_id: number + 1 }), { secret: 'not the key' });
}

/** A name that is too long for the search of the published name that it might be a slip of. */
function longName(number: number): EventName {
  return `Load.${'Name'.repeat(16)}${number}` as EventName;
}

/** A schema that takes nothing. */
const refusing = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'never' }] }) },
};

describe.each(TWO_ADAPTERS)('by %s', (_adapter, createApp) => {
  describe('a flood', () => {
    test('40. a flood of forgeries does not grow the memory, and valid deliveries get through', async () => {
      const { webhooks } = createApp();
      const handler = jest.fn();
      webhooks.on('User.LoggedIn', handler);
      const forged = Array.from({ length: 500 }, (_, number) => forgery(number));
      async function flood(rounds: number): Promise<Set<number>> {
        const statuses = new Set<number>();
        for (let round = 0; round < rounds; round++) {
          const outcomes = await Promise.all(forged.map((each) => webhooks.receive(each)));
          for (const { status } of outcomes) statuses.add(status);
          expect((await webhooks.receive(delivery(handler.mock.calls.length))).status).toBe(200);
        }
        return statuses;
      }
      await flood(4); // what is compiled and cached once is there now
      const before = heapInUse();

      expect(await flood(40)).toEqual(new Set([403]));

      expect(handler).toHaveBeenCalledTimes(44);
      // 20,000 forgeries that left 500 bytes each would show.
      expect(heapInUse() - before).toBeLessThan(10_000_000);
    });

    test('40. a flood of forgeries keeps its connections open, and valid deliveries on them are accepted', async () => {
      const target = createApp();
      const handler = jest.fn();
      target.webhooks.on('User.LoggedIn', handler);
      const { send, connections } = await startWithClient(target);

      const answers = await Promise.all(
        Array.from({ length: 400 }, (_, number) => {
          const { body, headers } = number % 20 === 0 ? delivery(number) : forgery(number);
          return send(body, headers);
        }),
      );

      const expected = Array.from({ length: 400 }, (_, number) => (number % 20 === 0 ? 200 : 403));
      expect(answers.map(({ status }) => status)).toEqual(expected);
      expect(handler).toHaveBeenCalledTimes(20);
      expect(connections()).toBeLessThanOrEqual(8);
    });
  });

  describe('sizes', () => {
    test('41. a verified event is accepted without any handler', async () => {
      const { deliver } = createApp();
      const answer = await deliver('User.LoggedIn');
      expect([answer.status, answer.body]).toEqual([200, { status: 'unhandled' }]);
    });

    test('41. ten thousand handlers of one name all run, once', async () => {
      const { webhooks, deliver } = createApp();
      let runs = 0;
      for (let number = 0; number < 10_000; number++) webhooks.on('User.LoggedIn', async () => void runs++);

      expect((await deliver('User.LoggedIn')).status).toBe(200);
      expect(runs).toBe(10_000);
    });

    test('41. only the handler of the event runs when ten thousand names have one', async () => {
      const { webhooks, deliver } = createApp({ logger: {} });
      const ran: number[] = [];
      for (let number = 0; number < 10_000; number++) {
        webhooks.on(longName(number), () => void ran.push(number));
      }

      expect((await deliver(longName(7654))).body).toEqual({ status: 'handled' });
      expect(ran).toEqual([7654]);
    });

    test('41. an event name of 10 KB reaches its handler whole and the log shortened', async () => {
      const lines: string[] = [];
      const write = (fields: Record<string, unknown>, message: string): unknown =>
        lines.push(JSON.stringify({ ...fields, message }));
      const logger: Logger = { debug: write, info: write, warn: write, error: write };
      const { webhooks, deliver } = createApp({ logger, schemas: { [`Huge.${'x'.repeat(10_000)}`]: refusing } });
      const seen: string[] = [];
      webhooks.onAny(({ event }) => void seen.push(event));
      const [group, flat] = [`User.${'x'.repeat(10_000)}`, 'y'.repeat(10_000)];
      lines.length = 0;

      expect((await deliver(group)).body).toEqual({ status: 'unhandled' });
      expect((await deliver({ event: flat, data: {} })).body).toEqual({ status: 'unhandled' });
      expect((await deliver(`Huge.${'x'.repeat(10_000)}`)).status).toBe(422);

      expect(seen).toEqual([group, flat]);
      expect(lines.length).toBeGreaterThan(6);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(1000);
    });

    test('41. a handler for a name of 10 KB runs, and the warning about the name is shortened', async () => {
      const warn = jest.fn();
      const { webhooks, deliver } = createApp({ logger: { warn } });
      const handler = jest.fn();
      const name = `User.${'x'.repeat(10_000)}`;
      webhooks.on(name as EventName, handler);

      await deliver(name);

      expect(handler).toHaveBeenCalledTimes(1);
      const [, message] = warn.mock.calls[0] as [unknown, string];
      expect(message).toContain('User.xxx');
      expect(message.length).toBeLessThan(1000);
    });

    test('41. a delivery with another header of 10 KB is accepted', async () => {
      const { post } = createApp();
      const body = JSON.stringify(sampleEvent('User.LoggedIn'));
      const answer = await post(body, { 'x-signature': sign(body, SECRET), 'x-other': 'z'.repeat(10_000) });
      expect(answer.status).toBe(200);
    });
  });
});
