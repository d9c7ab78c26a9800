import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NewEntry, summaryOf } from '../../../src/inspector/server/entry.js';
import { History } from '../../../src/inspector/server/history.js';
import { HistoryFile } from '../../../src/inspector/server/history-file.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'history-'));
  path = join(folder, 'history');
});
afterEach(() => {
  current?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The bound that the README states. */
const MOST_BYTES = 64 * 1024 * 1024;

let current: History | undefined;
/** As another start of the same program finds it. */
function open(at = path): History {
  current?.close();
  current = new History(new HistoryFile(at));
  return current;
}
const some = (id: string, rawBody = Buffer.from('{}')) =>
  ({ id, rawBody, headers: { 'x-a': 'b' }, origin: 'received', signature: 'secret signature' }) as const;
const keysOf = (history: History): number[] => [...history.all()].map(({ key }) => key);
const lines = (): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

describe('in memory', () => {
  test('the oldest of more than 10,000 are forgotten', () => {
    const history = new History(undefined);
    for (let index = 0; index < 10_005; index++) history.add(some(`${index}`));
    expect(keysOf(history)).toHaveLength(10_000);
    expect(history.oldest).toBe(6);
    expect(history.get(5)).toBeUndefined();
  });

  test('and of more than 64 MiB', () => {
    const history = new History(undefined);
    const rawBody = Buffer.alloc(16 * 1024 * 1024 - 100);
    for (let index = 0; index < 6; index++) history.add(some(`${index}`, rawBody));
    expect(keysOf(history)).toEqual([3, 4, 5, 6]);
  });

  test.each<[string, Partial<NewEntry>]>([
    ['headers', { headers: { 'x-long': 'x'.repeat(16_000) } }],
    ['headers that are lists', { headers: { 'x-long': Array(16).fill('x'.repeat(1_000)) } }],
    ['names of headers', { headers: { ['x'.repeat(16_000)]: '' } }],
    ['a signature', { signature: 'x'.repeat(16_000) }],
  ])('44. and of more than 64 MiB of forgeries with long %s', (_name, long) => {
    const history = new History(undefined);
    for (let index = 0; index < 6_000; index++) history.add({ ...some(`${index}`), ...long });
    const count = keysOf(history).length;
    expect(count).toBeGreaterThan(3_500);
    expect(count).toBeLessThan(MOST_BYTES / 16_000);
    expect(history.oldest).toBe(6_001 - count);
  });

  test('44. and of more than 64 MiB of errors, handlers and deviations, however they grow', () => {
    const history = new History(undefined);
    const entries = Array.from({ length: 100 }, (_, index) => history.add(some(`${index}`)));
    for (const entry of entries) {
      for (let attempt = 1; attempt <= 20; attempt++) {
        const handlers = Array.from({ length: 50 }, () => ({ name: 'h', durationMs: 1, error: 'x'.repeat(2_000) }));
        entry.runs.push({ attempt, at: 1, outcome: 'failed', durationMs: 1, error: 'x', handlers });
      }
      history.change(entry, { outcome: 'failed', cause: 'x'.repeat(1_000), drift: Array(50).fill('x'.repeat(1_000)) });
    }
    const size = 20 * 50 * 2_000 + 51_000;
    expect(keysOf(history).length).toBeLessThanOrEqual(MOST_BYTES / size);
    expect(keysOf(history).length).toBeGreaterThan(25);
    // What changes within its own size takes no more room.
    const kept = keysOf(history);
    for (const entry of entries) for (let time = 0; time < 5; time++) history.change(entry, { outcome: 'handled' });
    expect(keysOf(history)).toEqual(kept);
  });

  test('what is forgotten is not told of any more, and owns nothing', () => {
    const history = new History(undefined);
    const entry = history.add(some('a'));
    history.change(entry, { outcome: 'handled' });
    expect(history.ownerOf('a')).toBe(entry);
    for (let index = 0; index < 10_000; index++) history.add(some(`${index}`));
    const told = jest.fn();
    history.listen(told);
    history.change(entry, { status: 200 });
    expect(told).not.toHaveBeenCalled();
    expect(history.ownerOf('a')).toBeUndefined();
  });
});

describe('in a file', () => {
  test('entries come back byte by byte, with their keys, and without signatures', () => {
    const rawBody = Buffer.from([0xff, 0x00, 0x7b, 0x0a]);
    const history = open();
    history.change(Object.assign(history.add(some('a', rawBody)), { drift: ['x'] }), {
      outcome: 'handled',
      status: 200,
    });
    const again = open();
    const [found] = [...again.all()];
    expect(found?.rawBody.equals(rawBody)).toBe(true);
    expect(found).toMatchObject({
      key: 1,
      outcome: 'handled',
      drift: ['x'],
      headers: { 'x-a': 'b' },
      signature: null,
    });
    expect(readFileSync(path, 'utf8')).not.toContain('secret signature');
    expect(again.add(some('b')).key).toBe(2);
    expect(again.ownerOf('a')).toBe(found);
  });

  test('is its owner’s only', () => {
    writeFileSync(path, '', { mode: 0o666 });
    open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('the last line of an entry counts, its body is written once, and a start leaves out what is out of date', () => {
    const history = open();
    const entry = history.add(some('a', Buffer.from('the body')));
    for (let status = 200; status < 210; status++) history.change(entry, { outcome: 'handled', status });
    expect(lines()).toHaveLength(12);
    expect(lines().filter((line) => line.includes(Buffer.from('the body').toString('base64')))).toHaveLength(1);
    const [found] = [...open().all()];
    expect(found?.status).toBe(209);
    expect(lines()).toHaveLength(3);
  });

  test('it does not grow much beyond what is kept', () => {
    const history = open();
    const rawBody = Buffer.alloc(4 * 1024 * 1024 - 100);
    for (let index = 0; index < 60; index++) {
      history.change(history.add(some(`${index}`, rawBody)), { outcome: 'rejected' });
    }
    const kept = (64 * 1024 * 1024 * 4) / 3;
    expect(statSync(path).size).toBeLessThan(2.2 * kept);
    expect(keysOf(open())).toHaveLength(16);
  });

  test('44. nor under a flood of forgeries with long headers, of which the file needs two bytes for each character', () => {
    const history = open();
    let largest = 0;
    for (let index = 0; index < 10_000; index++) {
      const headers = { 'x-long': 'é'.repeat(16_000) };
      history.change(history.add({ ...some(`${index}`), headers, signature: 'x' }), {
        outcome: 'rejected',
      });
      if (index % 500 === 0) largest = Math.max(largest, statSync(path).size);
    }
    // Twice what is kept, of which each character takes two bytes here.
    expect(Math.max(largest, statSync(path).size)).toBeLessThan(4.2 * MOST_BYTES);
    expect(keysOf(open()).length).toBeLessThan(MOST_BYTES / 16_000);
  });

  test('what was under way when the process ended is there, and not under way any more', () => {
    const history = open();
    const entry = history.add(some('a'));
    entry.runs.push({ attempt: 1, at: 1, outcome: 'running', durationMs: null, error: null, handlers: [] });
    history.change(entry, { event: 'User.LoggedIn' });
    const [found] = [...open().all()];
    expect(found).toMatchObject({ event: 'User.LoggedIn', outcome: 'failed', runs: [{ outcome: 'failed' }] });
    expect(found?.cause).toContain('The process ended');
  });

  test('one process writes it; another one reads what there is, says so, and goes on', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const first = open();
    first.change(first.add(some('a')), { outcome: 'handled' });
    const here = new History(new HistoryFile(path));
    here.change(here.add(some('b')), { outcome: 'handled' });
    expect(keysOf(here)).toEqual([1, 2]);
    first.close();

    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    writeFileSync(`${path}.lock`, `${other.pid}`);
    const second = open();
    second.change(second.add(some('c')), { outcome: 'handled' });
    expect(keysOf(second)).toEqual([1, 2]);
    expect(warned.mock.calls.join()).toContain(`process ${other.pid} writes ${path}`);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const third = open();
    expect(keysOf(third)).toEqual([1]);
    third.change(third.add(some('d')), { outcome: 'handled' });
    expect(keysOf(open())).toEqual([1, 2]);
    expect(warned).toHaveBeenCalledTimes(2);
    warned.mockRestore();
    open().close();
    expect(readdirSync(folder)).toEqual(['history']);
  });

  test('a link is followed, and what it leads to becomes its owner’s only', () => {
    const target = join(folder, 'target');
    writeFileSync(target, '', { mode: 0o644 });
    symlinkSync(target, path);
    const history = open();
    history.change(history.add(some('a')), { outcome: 'handled' });
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(keysOf(open(target))).toEqual([1]);
  });

  test('what is no plain file is refused, and left as it is', () => {
    expect(() => open(devNull)).toThrow('no plain file');
    expect(statSync(devNull).isCharacterDevice()).toBe(true);
    expect(() => open(folder)).toThrow('cannot be used');
    expect(() => open(join(folder, 'not', 'there'))).toThrow('cannot be used');
  });

  test('drafts of a process that ended while it wrote one are removed, and nothing else', () => {
    const draft = `${path}.01234567-89ab-cdef-0123-456789abcdef.draft`;
    for (const each of [draft, `${path}.draft`, join(folder, 'other.draft')]) writeFileSync(each, 'bodies');
    open().close();
    expect(readdirSync(folder)).toEqual(['history', 'history.draft', 'other.draft']);
  });

  test.each([
    ['zeros, as after a power cut', Buffer.alloc(512)],
    ['a first line that was cut short', Buffer.from('{"cakemail-web')],
  ])('what holds only %s is as good as new', (_, content) => {
    writeFileSync(path, content);
    const history = open();
    history.change(history.add(some('a')), { outcome: 'handled' });
    expect(keysOf(open())).toEqual([1]);
  });

  test.each([
    ['a key that cannot be counted on from', { key: Number.MAX_SAFE_INTEGER }],
    ['a time that is none', { at: 1e300 }],
    ['a body that is no base64', { body: '{}' }],
  ])('a line with %s is left out', (_, change) => {
    const history = open();
    history.change(history.add(some('a')), { outcome: 'handled' });
    appendFileSync(path, `${JSON.stringify({ ...JSON.parse(lines()[1] as string), key: 7, ...change })}\n`);
    expect(keysOf(open())).toEqual([1]);
  });

  test('a line that a crash cut short is left out, and the next one is whole', () => {
    const history = open();
    history.change(history.add(some('a')), { outcome: 'handled' });
    appendFileSync(path, lines()[1]?.slice(0, 30) as string);
    const again = open();
    expect(keysOf(again)).toEqual([1]);
    again.change(again.add(some('b')), { outcome: 'handled' });
    expect(keysOf(open())).toEqual([1, 2]);
  });

  test('one that holds something else is refused and left alone', () => {
    for (const text of ['{"name":"an app"}\n', 'one\ntwo\n']) {
      writeFileSync(path, text);
      expect(() => open()).toThrow('it holds something else');
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });

  test('one that cannot be written any more fails nothing', () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const history = open();
    rmSync(folder, { recursive: true });
    history.change(history.add(some('a')), { outcome: 'handled' });
    history.change(history.add(some('b')), { outcome: 'handled' });
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });
});

test('a summary holds neither headers nor body', () => {
  const history = new History(undefined);
  expect(Object.keys(summaryOf(history.add(some('a')))).sort()).toEqual(
    ['at', 'attempts', 'bytes', 'durationMs', 'event', 'id', 'key', 'origin', 'outcome', 'reason', 'status'].sort(),
  );
});
