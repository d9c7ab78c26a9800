import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { summaryOf } from '../../src/inspector/entry.js';
import { History } from '../../src/inspector/history.js';
import { HistoryFile } from '../../src/inspector/history-file.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'history-'));
  path = join(folder, 'history');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (): History => new History(new HistoryFile(path));
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
    const rawBody = Buffer.alloc(16 * 1024 * 1024);
    for (let index = 0; index < 6; index++) history.add(some(`${index}`, rawBody));
    expect(keysOf(history)).toEqual([3, 4, 5, 6]);
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
    const entry = open().add(some('a', rawBody));
    const history = open();
    expect(keysOf(history)).toEqual([]);
    history.change(Object.assign(history.add(some('a', rawBody)), { drift: ['x'] }), {
      outcome: 'handled',
      status: 200,
    });
    const again = open();
    const [found] = [...again.all()];
    expect(found?.rawBody.equals(rawBody)).toBe(true);
    expect(found).toMatchObject({
      key: entry.key,
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

  test('the last line of an entry counts, and the file is written anew when there are many', () => {
    const history = open();
    const entry = history.add(some('a'));
    for (let status = 200; status < 210; status++) history.change(entry, { outcome: 'handled', status });
    expect(lines()).toHaveLength(10);
    const [found] = [...open().all()];
    expect(found?.status).toBe(209);
    expect(lines()).toHaveLength(1);
  });

  test('a line that a crash cut short is left out, and the next one is whole', () => {
    const history = open();
    history.change(history.add(some('a')), { outcome: 'handled' });
    appendFileSync(path, lines()[0]?.slice(0, 30) as string);
    const again = open();
    expect(keysOf(again)).toEqual([1]);
    again.change(again.add(some('b')), { outcome: 'handled' });
    expect(keysOf(open())).toEqual([1, 2]);
  });

  test('one that holds something else is refused and left alone', () => {
    for (const text of ['{"name":"an app"}\n', 'one\ntwo\n']) {
      writeFileSync(path, text);
      expect(open).toThrow('it holds something else');
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
    expect(() => new History(new HistoryFile(folder))).toThrow('cannot be used');
    expect(() => new History(new HistoryFile(join(folder, 'not', 'there')))).toThrow('cannot be used');
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
