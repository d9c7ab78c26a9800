import http from 'node:http';
import type { EventName, Logger } from '../../src/index.js';
import { sampleEvent, sign, signedRequest } from '../../src/testing/index.js';
import { TWO_ADAPTERS } from '../helpers/adapters.js';
import { PATH, SECRET, type TestApp } from '../helpers/harness.js';
import { heapInUse } from '../helpers/heap.js';
import { hangUp, listen } from '../helpers/raw-http.js';
import { gate } from '../helpers/waiting.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

interface Running {
  readonly port: number;
  /** The number of connections so far. */
  readonly connections: () => number;
  /** Opens a request; its body is the caller's to send. */
  open(headers: Record<string, string>): { request: http.ClientRequest; answer: Promise<Answer> };
  send(body: string, headers: Record<string, string>): Promise<Answer>;
}

const agents: http.Agent[] = [];
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await hangUp();
});

/** The app on a port, and a client that keeps its few connections alive. */
async function run({ listener }: TestApp): Promise<Running> {
  const { port, sockets } = await listen(listener);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  agents.push(agent);

  function open(headers: Record<string, string>): { request: http.ClientRequest; answer: Promise<Answer> } {
    const request = http.request({ port, path: PATH, method: 'POST', agent, headers });
    const answer = new Promise<Answer>((resolve, reject) => {
      request.once('error', reject).once('response', async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    return { request, answer };
  }

  function send(body: string, headers: Record<string, string>): Promise<Answer> {
    const { request, answer } = open({ ...headers, 'content-length': String(Buffer.byteLength(body)) });
    request.end(body);
    return answer;
  }

  return { port, connections: () => sockets.length, open, send };
}

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
  describe('close()', () => {
    test('39. close() lets every accepted delivery finish, refuses new ones with 503, and resolves', async () => {
      const target = createApp();
      const { send } = await run(target);
      const { opened, open } = gate();
      const all = gate();
      const handler = jest.fn(() => {
        if (handler.mock.calls.length === 8) all.open();
        return opened;
      });
      target.webhooks.on('User.LoggedIn', handler);
      const accepted = Array.from({ length: 8 }, (_, number) => delivery(number));
      const answers = Promise.all(accepted.map(({ body, headers }) => send(body, headers)));
      await all.opened;

      const closed = target.webhooks.close();
      const refused = await Promise.all(
        Array.from({ length: 8 }, (_, number) =>
          target.post(delivery(100 + number).body, delivery(100 + number).headers),
        ),
      );
      const refusedDirectly = await target.webhooks.receive(delivery(200));
      open();

      expect((await answers).map(({ status }) => status)).toEqual(Array(8).fill(200));
      await closed;
      expect(handler).toHaveBeenCalledTimes(8);
      expect(refused.map(({ status }) => status)).toEqual(Array(8).fill(503));
      expect(refused[0]?.headers['retry-after']).toMatch(/^\d+$/);
      expect(refused[0]?.body).toMatchObject({ error: { code: 'ERR_CLOSING' } });
      expect(refusedDirectly).toMatchObject({ kind: 'rejected', reason: 'closing', status: 503 });
    });

    test('39. close() resolves after its time limit, and a delivery that still ran is aborted, reported and answered', async () => {
      const { webhooks, deliver } = createApp();
      const { opened, open } = gate();
      const [onError, failed] = [jest.fn(), jest.fn()];
      let signal: AbortSignal | undefined;
      webhooks.on('User.LoggedIn', (_event, running) => {
        signal = running.signal;
        open();
        return new Promise(() => {});
      });
      webhooks.onError(onError);
      webhooks.lifecycle.on('failed', failed);
      const answer = deliver('User.LoggedIn');
      await opened;

      await webhooks.close({ timeoutMs: 20 });

      expect(signal?.reason).toMatchObject({ code: 'ERR_CLOSING' });
      expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'ERR_CLOSING' }), expect.anything());
      expect((await answer).status).toBe(500);
      expect(failed).toHaveBeenCalledTimes(1);
    });

    /** A delivery of which the router has only a part. */
    async function halfSent() {
      const { opened, open } = gate();
      const target = createApp(
        {},
        {
          before: [
            (_req, _res, next) => {
              next();
              open();
            },
          ],
        },
      );
      const handler = jest.fn();
      target.webhooks.on('User.LoggedIn', handler);
      const { body, headers } = delivery(1);
      const sent = (await run(target)).open(headers);
      sent.request.write(body.slice(0, 10));
      await opened;
      return { target, handler, sent, rest: body.slice(10) };
    }

    test('39. close() waits for a body that is still arriving', async () => {
      const { target, handler, sent, rest } = await halfSent();

      const closed = target.webhooks.close();
      sent.request.end(rest);

      expect((await sent.answer).status).toBe(200);
      await closed;
      expect(handler).toHaveBeenCalledTimes(1);
    });

    test('39. no handler starts after close() has resolved, even for a body that was still arriving', async () => {
      const { target, handler, sent, rest } = await halfSent();

      await target.webhooks.close({ timeoutMs: 20 });
      sent.request.end(rest);

      expect((await sent.answer).status).toBe(503);
      expect(handler).not.toHaveBeenCalled();
    });
  });

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
      const { send, connections } = await run(target);

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
