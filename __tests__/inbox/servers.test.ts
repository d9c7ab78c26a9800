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
import { DISPOSABLE_SERVERS, type DisposableServer } from '../helpers/disposable-servers.js';

const COUNT = 2_000;
const DELIVERIES = deliveries(COUNT);

beforeEach(openLog);
afterEach(stopAll);

for (const { name, isThere, make } of DISPOSABLE_SERVERS) {
  (isThere ? describe : describe.skip)(`a ${name} that is killed`, () => {
    let server: DisposableServer;
    beforeEach(async () => {
      server = await make();
      await server.start();
    });
    afterEach(() => server.remove());

    test.each([400, 1_200])(
      'after %i responses loses none of the acknowledged deliveries',
      async (responses) => {
        const place = { address: server.address, options: {}, clear: async () => {} };
        const receiver = await start(place);
        const acknowledged = new Set<string>();
        let killed: Promise<void> | undefined;
        const counts = await sendAll(receiver, DELIVERIES, (status, id) => {
          if (status === 202) acknowledged.add(id);
          if (acknowledged.size === responses) killed ??= server.kill();
        });
        await killed;
        // While the server is down, senders are answered 503 and the process keeps running.
        expect(Object.keys(counts)).toEqual(['202', '503']);
        expect(counts[202]).toBe(acknowledged.size);

        await server.start();
        await allHandled(place);
        const missing = new Set(acknowledged);
        for (const id of handled()) missing.delete(id);
        expect(missing).toEqual(new Set());

        let left = DELIVERIES;
        while (left.length > 0) {
          const refused = new Set<string>();
          await sendAll(receiver, left, (status, id) => status === 202 || refused.add(id));
          left = left.filter(({ id }) => refused.has(id));
        }
        await allHandled(place);
        expect(new Set(handled()).size).toBe(COUNT);

        const runs = handled().length;
        expect(await sendAll(receiver, DELIVERIES)).toEqual({ 202: COUNT });
        await allHandled(place);
        expect(handled()).toHaveLength(runs);
        await close(receiver);
      },
      300_000,
    );
  });
}
