import { inspect } from 'node:util';
import { engineError, InboxError } from '../../src/inbox/engine-error.js';

/** An error as drivers throw it, with a secret wherever they put values. */
function thrown(message: string, members: object = {}, name = 'Error'): Error {
  const command = { name: 'auth', args: ['hunter2'] };
  return Object.assign(new Error(message, { cause: 'hunter2' }), { name, command, detail: 'hunter2', ...members });
}

test.each<[string, unknown, string, RegExp]>([
  ['Redis', thrown('OOM command not allowed: hunter2', {}, 'ReplyError'), 'OOM', /out of memory/],
  [
    'Redis',
    thrown('ERR Error running script (call to f_1): @user_script:1: -OOM hunter2', {}, 'ReplyError'),
    'OOM',
    /memory/,
  ],
  ['Redis', thrown('WRONGPASS invalid hunter2', {}, 'ReplyError'), 'WRONGPASS', /refused the password/],
  ['Redis', thrown('Missing lock for job hunter2. moveToFinished', { code: -2 }), 'LEASE_LOST', /lease/],
  ['Redis', thrown('hunter2', { code: -7 }), 'BULLMQ-7', /no longer holds/],
  ['Redis', thrown('Reached the max retries per request limit (which is 0).'), 'NOT_CONNECTED', /not connected/],
  ['Postgres', thrown('duplicate key value hunter2', { code: '23505' }), '23505', /refused a statement/],
  ['Postgres', thrown('hunter2', { code: '53100' }), '53100', /no room/],
  ['SQLite', thrown('hunter2', { code: 'SQLITE_IOERR_WRITE' }), 'SQLITE_IOERR_WRITE', /read or write/],
  ['SQLite', thrown('hunter2', { code: 'hunter2 lower case' }), 'UNKNOWN', /failed with a Error/],
  ['Redis', thrown('HUNTER is not a code here, hunter2'), 'UNKNOWN', /failed with a Error/],
  ['Redis', 'hunter2', 'UNKNOWN', /not an Error/],
  ['Redis', null, 'UNKNOWN', /not an Error/],
  [
    'Redis',
    {
      get message(): string {
        throw new Error('hunter2');
      },
    },
    'UNKNOWN',
    /not an Error/,
  ],
])('%s: an error of its driver is explained by its code, and no text is copied (%#)', (engine, error, code, said) => {
  const shown = engineError(engine as 'Redis', error);
  expect(shown).toBeInstanceOf(InboxError);
  expect(shown).toMatchObject({ name: 'InboxError', code });
  expect(shown.message).toMatch(said);
  expect(shown.message).toContain(`${engine} `);
  expect(Object.keys(shown).sort()).toEqual(['code', 'name']);
  expect(inspect(shown, { depth: 9, showHidden: true })).not.toMatch(/hunter2|HUNTER/);
});

test('an error of the inbox itself stays as it is', () => {
  const closed = new InboxError('CLOSED', 'The inbox is closed.');
  expect(engineError('Redis', closed)).toBe(closed);
});
