import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

// The test mounts a disk in a namespace that ends with the process, so that no other process sees it.
const NAMESPACE = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
const canMount = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;

(canMount ? test : test.skip)(
  'a full disk makes the router answer 503, and neither loses nor damages deliveries',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'full-'));
    const program = join(__dirname, '../../processes/full-disk.ts');
    const script = 'mount -t tmpfs -o size=64m none "$0" && exec "$1" --import tsx "$2" "$0"';
    const args = [...NAMESPACE, 'sh', '-c', script, folder, process.execPath, program];
    const { stdout } = await promisify(execFile)('unshare', args, { cwd: process.cwd() });
    rmSync(folder, { recursive: true });
    const { lines, ...seen } = JSON.parse(stdout);
    expect(lines.join('\n')).toContain('SQLITE_FULL');
    expect(lines.filter((line: string) => /xxx|the key of a test|Email.Sent/.test(line))).toEqual([]);
    expect(seen).toEqual({
      whenFull: [202, 503],
      whenFree: [202],
      acknowledged: expect.any(Number),
      handled: seen.acknowledged,
      integrity: { integrity_check: 'ok' },
      counts: { state: 'done', count: seen.acknowledged },
    });
    expect(seen.acknowledged).toBeGreaterThan(40);
  },
);
