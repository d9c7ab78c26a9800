import { Redis } from 'ioredis';
import Database from 'libsql';
import { Client } from 'pg';
import { sampleEvent } from '../../src/testing/index.js';
import { closeAll, newPlace, onEachEngine, open, type Place, routerOn, send } from '../helpers/inbox.js';
import { next } from '../helpers/waiting.js';

afterEach(closeAll);

const LOGIN = sampleEvent('User.LoggedIn');
const OTHER_ID = 'a'.repeat(64);

type FinalState = 'dead' | 'done' | 'skipped';
/** Changes that another program makes to a stored delivery, and the state that the delivery ends in. */
type Damages = Record<string, readonly [change: string, FinalState]>;

const inSqlite: Damages = {
  'a body that is a number': ['body = 5', 'dead'],
  'a body that is the same as text': ['body = CAST(body AS TEXT)', 'done'],
  'a body that is not UTF-8': [`body = CAST(x'ff00fe' AS TEXT)`, 'dead'],
  'headers that are not JSON': [`headers = '{'`, 'done'],
  'headers that are not UTF-8': [`headers = CAST(x'ff' AS TEXT)`, 'done'],
  'headers of another shape': [`headers = '{"a":{"b":1},"c":[1,null]}'`, 'done'],
  'headers that are a list': [`headers = '[1]'`, 'done'],
  'a time that is text': [`received_at = 'abc'`, 'done'],
  'a time beyond all dates': ['received_at = 9223372036854775807', 'done'],
  'another id': [`id = '${OTHER_ID}'`, 'dead'],
  'an id that is not text': [`id = x'ff'`, 'skipped'],
  'an event that is not UTF-8': [`event = CAST(x'ff' AS TEXT)`, 'done'],
  'attempts that are text': [`attempt = 'x'`, 'done'],
  'attempts beyond all numbers': ['attempt = 9223372036854775807', 'dead'],
  'a fence that is text': [`fence = 'x'`, 'done'],
  'completed handlers of another shape': [`completed = '[[1,2,3],"x",null]'`, 'done'],
  'a state that does not exist': [`state = 'odd'`, 'skipped'],
  'a due time that is text': [`at = 'abc'`, 'skipped'],
  'a reason that is not text': [`reason = x'ff'`, 'done'],
};

const inRedis: Damages = {
  'data that is not JSON': ['data={', 'dead'],
  'data that is null': ['data=null', 'dead'],
  'data that is a number': ['data=5', 'dead'],
  'data without a body': ['data={}', 'dead'],
  'data of another shape': [
    'data={"body":{},"headers":[1],"receivedAt":"abc","addedBy":7,"completed":5,"transition":5}',
    'dead',
  ],
  'a time that is text': ['timestamp=abc', 'done'],
  'options that are not JSON': ['opts={', 'skipped'],
};

const inPostgres: Damages = {
  'data that is null': [`data = 'null'`, 'dead'],
  'data that is a number': [`data = '5'`, 'dead'],
  'data without a body': [`data = '{}'`, 'dead'],
  'data of another shape': [
    `data = '{"body":{},"headers":[1],"receivedAt":"abc","addedBy":7,"completed":5,"transition":5}'`,
    'dead',
  ],
  'headers that are not JSON': [`data = jsonb_set(data, '{headers}', '"{"')`, 'done'],
  'another id': [`id = '${OTHER_ID}'`, 'dead'],
};

const ENGINES: Record<
  string,
  { damages: Damages; damage(place: Place, id: string, change: string): Promise<unknown> }
> = {
  SQLite: {
    damages: inSqlite,
    async damage({ address }, _id, change) {
      const db = new Database(address.slice('file:'.length));
      db.exec(`UPDATE deliveries SET ${change}`);
      db.close();
    },
  },
  Redis: {
    damages: inRedis,
    async damage({ address, options }, id, change) {
      const client = new Redis(address);
      const [, field = '', value = ''] = /^(\w+)=(.*)$/.exec(change) ?? [];
      await client.hset(`bull:${options.name}:${id}`, field, value);
      client.disconnect();
    },
  },
  Postgres: {
    damages: inPostgres,
    async damage({ address, options }, id, change) {
      const client = new Client({ connectionString: address });
      await client.connect();
      await client.query(`UPDATE bullmq.job SET ${change} WHERE queue = $1 AND id = $2`, [options.name, id]);
      await client.end();
    },
  },
};

onEachEngine((engine) => {
  const { damages = {}, damage } = ENGINES[engine.name] ?? {};

  test.each(Object.entries(damages))(
    '56. a stored delivery with %s neither stops the worker nor hides other deliveries',
    async (_title, [change, finalState]) => {
      const place = await newPlace(engine);
      const inbox = await open(place);
      const webhooks = routerOn(inbox, { worker: false });
      const stored = next(webhooks, 'stored');
      await send(webhooks, LOGIN);
      const { delivery } = await stored;
      await damage?.(place, delivery.id, change);
      const healthy = new Set<string>();
      webhooks.lifecycle.on('stored', (notice) => healthy.add(notice.delivery.id));
      for (const account_id of [1, 2, 3]) await send(webhooks, { ...LOGIN, account_id });

      /** Every delivery that is listed can be read and counted. */
      async function expectReadable(): Promise<void> {
        for (const each of await inbox.list()) {
          expect([typeof each.id, typeof each.event]).toEqual(['string', 'string']);
          expect(each.receivedAt.toISOString() + each.at.toISOString()).toMatch(/^\d{4}-.*Z\d{4,6}-.*Z$|^\+/);
          await inbox.get(each.id);
        }
        const { oldestAgeMs, waiting, active, done, dead } = await inbox.stats();
        for (const count of [oldestAgeMs, waiting, active, done, dead]) expect(count).toBeGreaterThanOrEqual(0);
      }
      await expectReadable();
      const died = finalState === 'dead' ? next(webhooks, 'dead') : undefined;
      const handled = new Set<string>();
      const all = new Promise<void>((resolve) => {
        const enough = finalState === 'done' ? 4 : 3;
        webhooks.onAny((_event, { id }) => {
          handled.add(id);
          if (handled.size === enough) resolve();
        });
      });
      webhooks.work();
      await all;
      for (const id of healthy) expect(handled).toContain(id);
      if (died) expect((await died).reason).toMatch(/^(not_readable|attempts_exhausted)$/);
      await expectReadable();
      await webhooks.close();
    },
  );
});
