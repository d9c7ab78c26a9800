import { inspect } from 'node:util';
import { InboxError, toInboxError } from '../../src/inbox/inbox-error.js';

/** An error as drivers throw it, with a secret in every place where they put values. */
function driverError(message: string, members: object = {}, name = 'Error'): Error {
  const command = { name: 'auth', args: ['hunter2'] };
  return Object.assign(new Error(message, { cause: 'hunter2' }), { name, command, detail: 'hunter2', ...members });
}

const oomOfScript = 'ERR Error running script (call to f_1): @user_script:1: -OOM hunter2';

test.each<[string, unknown, string, RegExp]>([
  ['Redis', driverError('OOM command not allowed: hunter2', {}, 'ReplyError'), 'OOM', /out of memory/],
  ['Redis', driverError(oomOfScript, {}, 'ReplyError'), 'OOM', /out of memory/],
  ['Redis', driverError('WRONGPASS invalid hunter2', {}, 'ReplyError'), 'WRONGPASS', /refused the password/],
  ['Redis', driverError('Missing lock for job hunter2. moveToFinished', { code: -2 }), 'LEASE_LOST', /lease/],
  ['Redis', driverError('hunter2', { code: -7 }), 'BULLMQ-7', /in another state/],
  ['Redis', driverError('Reached the max retries per request limit (which is 0).'), 'NOT_CONNECTED', /not connected/],
  ['Postgres', driverError('duplicate key value hunter2', { code: '23505' }), '23505', /refused a statement/],
  ['Postgres', driverError('hunter2', { code: '53100' }), '53100', /no space/],
  ['SQLite', driverError('hunter2', { code: 'SQLITE_IOERR_WRITE' }), 'SQLITE_IOERR_WRITE', /read or write/],
  ['SQLite', driverError('hunter2', { code: 'hunter2 lower case' }), 'UNKNOWN', /an error of type Error/],
  ['Redis', driverError('HUNTER is not a code here, hunter2'), 'UNKNOWN', /an error of type Error/],
  ['Redis', 'hunter2', 'UNKNOWN', /not an Error/],
  ['Redis', null, 'UNKNOWN', /not an Error/],
])(
  '48. the error of a driver is explained by its code, and none of its text is copied (%s, %#)',
  (engine, thrown, code, message) => {
    const error = toInboxError(engine as 'Redis', thrown);
    expect(error).toBeInstanceOf(InboxError);
    expect(error).toMatchObject({ name: 'InboxError', code });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`${engine} `);
    expect(Object.keys(error).sort()).toEqual(['code', 'name']);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2|HUNTER/);
  },
);

test('an InboxError is not converted', () => {
  const closed = new InboxError('CLOSED', 'The inbox is closed.');
  expect(toInboxError('Redis', closed)).toBe(closed);
});
