import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

const PIECE = 1024 * 1024;
/** A line that is longer is left out. */
const LONGEST_LINE = 64 * PIECE;

/** Where a file is, or will be. */
export function realPath(path: string): string {
  try {
    const real = realpathSync(path);
    if (!statSync(real).isFile()) throw new Error('it is no plain file');
    return real;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    return join(realpathSync(dirname(path)), basename(path));
  }
}

/** Its lines that hold something; none when it is not there. */
export function* linesOf(path: string): Generator<string> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  try {
    const piece = Buffer.alloc(PIECE);
    let begun: Buffer[] = [];
    let length = 0;
    for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) {
      let start = 0;
      for (let end = piece.indexOf(10); end >= 0 && end < read; end = piece.indexOf(10, start)) {
        const line = textOf([...begun, piece.subarray(start, end)]);
        begun = [];
        length = 0;
        start = end + 1;
        if (line !== '') yield line;
      }
      if (length > LONGEST_LINE) continue;
      begun.push(Buffer.from(piece.subarray(start, read)));
      length += read - start;
    }
    const last = textOf(begun);
    if (last !== '') yield last;
  } finally {
    closeSync(fd);
  }
}

/** A power cut may leave zeros where a line was. */
function textOf(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString().replaceAll('\0', '');
}

/** Writes a file anew, in one step, and gives its length in bytes. */
export function replace(path: string, mode: number, lines: Iterable<string>): number {
  removeDrafts(path);
  const draft = `${path}.${randomUUID()}.draft`;
  try {
    if (existsSync(path)) chmodSync(path, mode);
    const length = writeNew(draft, mode, lines);
    renameSync(draft, path);
    return length;
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw thrown;
  }
}

function writeNew(path: string, mode: number, lines: Iterable<string>): number {
  const fd = openSync(path, 'wx', mode);
  try {
    let length = 0;
    for (const line of lines) {
      writeFileSync(fd, line);
      length += Buffer.byteLength(line);
    }
    return length;
  } finally {
    closeSync(fd);
  }
}

/** Of processes that ended while they wrote one. */
function removeDrafts(path: string): void {
  const name = basename(path);
  for (const each of readdirSync(dirname(path))) {
    const isDraft = each.startsWith(`${name}.`) && /^\.[0-9a-f-]{36}\.draft$/.test(each.slice(name.length));
    if (isDraft) rmSync(join(dirname(path), each), { force: true });
  }
}
