import { type ChildProcess, execFile, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import Database from 'libsql';
import { ConfigurationError } from '../../../src/index.js';
import { History } from '../../../src/inspector/server/history.js';
import { HistoryStore } from '../../../src/inspector/server/history-store.js';

/** The bound that the README states. */
const MOST_BYTES = 64 * 1024 * 1024;
const PROGRAM = join(__dirname, '../../processes/inspected.ts');

let folder: string;
let path: string;
let warned: jest.SpyInstance;
const opened: History[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'history-'));
  path = join(folder, 'history');
  warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  for (const history of opened.splice(0)) history.close();
  rmSync(folder, { recursive: true, force: true });
  warned.mockRestore();
});

function open(at = path): History {
  const history = new History(new HistoryStore(at));
  opened.push(history);
  return history;
}
/** Opens the file as the next process does. */
function reopen(): History {
  for (const history of opened.splice(0)) history.close();
  return open();
}
const some = (id: string, rawBody = Buffer.from('{}')) =>
  ({ id, rawBody, headers: { 'x-a': 'b' }, origin: 'received', signature: 'secret signature' }) as const;
function addHandled(history: History, id: string): void {
  history.change(history.add(some(id)), { outcome: 'handled', status: 200 });
}
const keysOf = (history: History): number[] => [...history.all()].map(({ key }) => key);
const warnings = (): string => warned.mock.calls.join('\n');
/** The size in bytes of the file and its log. */
const sizeOnDisk = (): number =>
  [path, `${path}-wal`].reduce((sum, file) => sum + (existsSync(file) ? statSync(file).size : 0), 0);
/** Changes the file with SQLite itself. */
function edit(sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

describe('after a restart', () => {
  test('entries come back byte by byte, with their keys, and without signatures', () => {
    const rawBody = Buffer.from([0xff, 0x00, 0x7b, 0x0a]);
    const history = open();
    const entry = history.add({ ...some('a', rawBody), headers: { 'x-a': 'b', 'x-list': ['c', '\ud800 é \0'] } });
    history.change(Object.assign(entry, { drift: ['x'] }), { outcome: 'handled', status: 200 });
    history.change(history.add(some('b', Buffer.alloc(0))), { outcome: 'rejected' });
    const again = reopen();
    expect([...again.all()]).toEqual([
      { ...entry, signature: null },
      expect.objectContaining({ key: 2, id: 'b', outcome: 'rejected', rawBody: Buffer.alloc(0) }),
    ]);
    expect(readFileSync(path).includes('secret signature')).toBe(false);
    expect(again.ownerOf('a')?.key).toBe(1);
    expect(again.add(some('c')).key).toBe(3);
  });

  test('the last change of an entry counts', async () => {
    const history = open();
    const entry = history.add(some('a'));
    for (let status = 200; status < 210; status++) {
      history.change(entry, { outcome: 'handled', status });
      if (status % 2 === 0) await turn();
    }
    expect([...reopen().all()]).toMatchObject([{ key: 1, status: 209 }]);
  });

  test('an entry that was under way has failed', () => {
    const history = open();
    const entry = history.add(some('a'));
    entry.runs.push({ attempt: 1, at: 1, outcome: 'running', durationMs: null, error: null, handlers: [] });
    history.change(entry, { event: 'User.LoggedIn' });
    const [found] = [...reopen().all()];
    expect(found).toMatchObject({ event: 'User.LoggedIn', outcome: 'failed', runs: [{ outcome: 'failed' }] });
    expect(found?.cause).toContain('The process ended');
  });

  test.each([
    ['is killed by a handler', 'failed', 'SIGKILL'],
    ['exits after a delivery', 'handled', null],
  ])('the delivery of a process that %s is there as %s', async (role, outcome, signal) => {
    const child = run(role);
    expect((await once(child, 'exit'))[1]).toBe(signal);
    expect([...open().all()]).toMatchObject([{ event: 'User.LoggedIn', outcome }]);
  });
});

describe('the bounds', () => {
  test('the file keeps the latest 10,000 entries', () => {
    const history = open();
    for (let index = 0; index < 10_005; index++) addHandled(history, `${index}`);
    const again = reopen();
    expect(again.oldest).toBe(6);
    expect(keysOf(again)).toHaveLength(10_000);
  });

  test('the file and its log stay near the size of the entries that are kept', async () => {
    const history = open();
    const rawBody = Buffer.alloc(4 * 1024 * 1024 - 100);
    let largest = 0;
    for (let index = 0; index < 60; index++) {
      history.change(history.add(some(`${index}`, rawBody)), { outcome: 'rejected' });
      await turn();
      largest = Math.max(largest, sizeOnDisk());
    }
    expect(largest).toBeLessThan(1.3 * MOST_BYTES);
    expect(keysOf(reopen())).toHaveLength(16);
  });

  test('44. a flood of forgeries with long headers stays within them, at two bytes per character', async () => {
    const history = open();
    let largest = 0;
    for (let index = 0; index < 10_000; index++) {
      const headers = { 'x-long': 'é'.repeat(16_000) };
      history.change(history.add({ ...some(`${index}`), headers }), { outcome: 'rejected' });
      if (index % 50 !== 0) continue;
      await turn();
      largest = Math.max(largest, sizeOnDisk());
    }
    expect(largest).toBeLessThan(2.3 * MOST_BYTES);
    expect(keysOf(reopen()).length).toBeLessThan(MOST_BYTES / 16_000);
  });

  test('an entry that is larger than the bound is not kept', () => {
    const history = open();
    addHandled(history, 'a');
    history.change(history.add(some('b', Buffer.alloc(MOST_BYTES + 1))), { outcome: 'handled' });
    expect(keysOf(reopen())).toEqual([]);
  });
});

describe('the file', () => {
  test('is readable by its owner only, and so is its log', async () => {
    const history = open();
    addHandled(history, 'a');
    await turn();
    expect(readdirSync(folder)).toEqual(['history', 'history-wal']);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    history.close();
    expect(readdirSync(folder)).toEqual(['history']);
  });

  test('becomes readable by its owner only when it was not', () => {
    writeFileSync(path, '', { mode: 0o666 });
    addHandled(open(), 'a');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    expect(keysOf(reopen())).toEqual([1]);
  });

  test('may be a link', () => {
    const target = join(folder, 'target');
    writeFileSync(target, '', { mode: 0o644 });
    symlinkSync(target, path);
    addHandled(open(), 'a');
    expect(keysOf(reopen())).toEqual([1]);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(statSync(`${target}-wal`).mode & 0o777).toBe(0o600);
  });

  test.each([':memory:', 'file:history'])('may have the name %s', (name) => {
    const cwd = process.cwd();
    process.chdir(folder);
    addHandled(open(name), 'a');
    expect(readdirSync(folder)).toContain(name);
    expect(statSync(name).mode & 0o777).toBe(0o600);
    opened.pop()?.close();
    expect(keysOf(open(name))).toEqual([1]);
    process.chdir(cwd);
  });

  test('must be a regular file in a folder that exists', () => {
    expect(() => open(devNull)).toThrow(`The history file ${devNull} cannot be used: it is not a regular file.`);
    expect(statSync(devNull).isCharacterDevice()).toBe(true);
    expect(() => open(folder)).toThrow('it is not a regular file');
    expect(() => open(join(folder, 'not', 'there'))).toThrow('ENOENT');
    expect(() => open(folder)).toThrow(ConfigurationError);
  });

  test.each([
    ['text', () => writeFileSync(path, '{"name":"an app"}\n'), 'file is not a database'],
    ['another database', () => edit('CREATE TABLE users (id)'), 'it holds something else'],
    [
      'another database with a log',
      () => edit('PRAGMA journal_mode = WAL; CREATE TABLE users (id)'),
      'it holds something else',
    ],
    ['a table with other columns', () => edit('CREATE TABLE inspector_history (id)'), 'it holds something else'],
  ])('is refused and left alone when it holds %s', (_name, write, reason) => {
    write();
    const before = readFileSync(path);
    expect(() => open()).toThrow(`The history file ${path} cannot be used: ${reason}.`);
    expect(readFileSync(path).equals(before)).toBe(true);
    // It is not locked either.
    if (reason.includes('something else')) edit('CREATE TABLE more (id)');
  });

  test.each([
    ['pages that were overwritten', overwritePages],
    ['an entry that is not JSON', () => edit(`UPDATE inspector_history SET entry = '{' WHERE key = 2`)],
    [
      'an entry that is not UTF-8',
      () => edit(`UPDATE inspector_history SET entry = CAST(x'22ff22' AS TEXT) WHERE key = 2`),
    ],
  ])('with %s is a warning, and the history goes on in memory', (_name, damage) => {
    const history = open();
    for (const id of ['a', 'b', 'c']) addHandled(history, id);
    history.close();
    damage();
    const { size } = statSync(path);
    const again = open();
    expect(keysOf(again)).toEqual([]);
    addHandled(again, 'd');
    again.close();
    expect(keysOf(again)).toEqual([1]);
    expect(warned).toHaveBeenCalledTimes(1);
    expect(warnings()).toContain(`The inspector's history is not written to ${path}: `);
    expect(statSync(path).size).toBe(size);
  });
});

describe('one process at a time uses the file', () => {
  test('another process warns and keeps its history in memory', async () => {
    const child = run('keeps the file open');
    await once(child, 'message');
    const here = open();
    expect(warnings()).toBe(`The inspector's history is not written to ${path}: another process uses it.`);
    expect(keysOf(here)).toEqual([]);
    addHandled(here, 'a');
    const exited = once(child, 'exit');
    child.send('close');
    await exited;
    expect([...reopen().all()]).toMatchObject([{ key: 1, event: 'User.LoggedIn' }]);
    expect(warned).toHaveBeenCalledTimes(1);
  });

  test('a process that was killed leaves no lock behind', async () => {
    const child = run('keeps the file open');
    await once(child, 'message');
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(keysOf(open())).toEqual([1]);
    expect(warned).not.toHaveBeenCalled();
  });

  test('a second inspector in the same process cannot use the file either', () => {
    const first = open();
    addHandled(first, 'a');
    addHandled(open(), 'b');
    expect(warnings()).toContain('another process uses it');
    expect([...reopen().all()]).toMatchObject([{ id: 'a' }]);
  });
});

// A separate disk, mounted in a namespace that ends with the process.
const NAMESPACE = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
const canMount = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;

(canMount ? test : test.skip)(
  'a full disk is a warning, and the history is written again once there is room',
  async () => {
    const script = `mount -t tmpfs -o size=16m none "$0" && "$1" --import tsx "$2" "fills its disk" "$0/history" &&
    cp "$0/history" "$3"`;
    const args = [
      ...NAMESPACE,
      'sh',
      '-c',
      script,
      mkdtempSync(join(folder, 'disk-')),
      process.execPath,
      PROGRAM,
      path,
    ];
    const { stderr } = await promisify(execFile)('unshare', args, { cwd: process.cwd() });
    expect(stderr.match(/The inspector's history is not written to .*: database or disk is full/g)).toHaveLength(1);
    expect(stderr).not.toContain('xxx');
    const kept = [...open().all()];
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length).toBeLessThan(101);
    expect(kept.at(-1)?.rawBody.toString()).toContain('the last one');
  },
);

function run(role: string): ChildProcess {
  return fork(PROGRAM, [role, path], { execArgv: ['--import', 'tsx'] });
}

/** All but the first page, which says what the file is. */
function overwritePages(): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(statSync(path).size - 4096, 0xa5), 0, undefined, 4096);
}

// Only root can give a file away, and only root could open such a file.
if (process.geteuid?.() === 0) {
  test('a file of another user is refused, because its owner could read the payloads', () => {
    writeFileSync(path, '', { mode: 0o666 });
    chownSync(path, 65_534, 65_534);
    expect(() => new HistoryStore(path)).toThrow(ConfigurationError);
    expect(() => new HistoryStore(path)).toThrow('it belongs to another user');
    expect(statSync(path)).toMatchObject({ size: 0, uid: 65_534 });
  });
}
