import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'libsql';
import { openDatabase } from '../../../src/inbox/sqlite/database-file.js';
import { DeliveryTable } from '../../../src/inbox/sqlite/delivery-table.js';
import type { Lease } from '../../../src/inbox/sqlite/rows.js';

const SETTINGS = {
  name: 'unused',
  retries: { attempts: 3, baseMs: 1, maxMs: 1 },
  keepMs: 1_000,
  keepDeadMs: 10_000,
  leaseMs: 100,
  pollMs: 10,
};
const NOW = 1_700_000_000_000;

let folder: string;
const connections: Database.Database[] = [];
let mine: DeliveryTable;
let theirs: DeliveryTable;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'deliveries-'));
  [mine, theirs] = [await connect(), await connect()];
});
afterEach(() => {
  for (const db of connections.splice(0)) db.close();
  rmSync(folder, { recursive: true });
});

/** Opens another connection to the file, as another process would. */
async function connect(): Promise<DeliveryTable> {
  const db = await openDatabase(join(folder, 'inbox.db'));
  connections.push(db);
  return new DeliveryTable(db, SETTINGS);
}

function delivery(text: string) {
  const rawBody = Buffer.from(text);
  const id = createHash('sha256').update(rawBody).digest('hex');
  return { id, event: 'Email.Sent', rawBody, headers: {}, receivedAt: new Date(NOW) };
}

const only = (leases: readonly Lease[]): Lease => {
  expect(leases).toHaveLength(1);
  return leases[0] as Lease;
};

test('no other process can claim a delivery until its lease expires', () => {
  mine.insert([delivery('a')], NOW);
  const lease = only(mine.claim(10, NOW));
  expect(lease).toMatchObject({ ...delivery('a'), attempt: 1, fence: 1, completed: new Map() });
  expect(theirs.claim(10, NOW + 99)).toEqual([]);
  expect(mine.renewLease(lease, NOW + 99)).toBe(true);
  expect(theirs.claim(10, NOW + 198)).toEqual([]);
  expect(only(theirs.claim(10, NOW + 199))).toMatchObject({ attempt: 2, fence: 2 });
});

test('a process whose lease expired can neither renew it nor store a result', () => {
  mine.insert([delivery('a')], NOW);
  const lost = only(mine.claim(1, NOW));
  const held = only(theirs.claim(1, NOW + 100));
  expect(mine.renewLease(lost, NOW + 101)).toBe(false);
  expect(mine.endLease(lost, { state: 'dead', at: NOW, reason: 'permanent_error', error: '' })).toBe(false);
  expect(theirs.get(held.id)).toMatchObject({ state: 'active', attempts: 2 });
  expect(theirs.endLease(held, { state: 'done', at: NOW + 102 })).toBe(true);
  expect(mine.get(held.id)).toMatchObject({ state: 'done', at: new Date(NOW + 102) });
});

test('either all deliveries of a batch are stored or none', () => {
  const broken = { ...delivery('b'), event: null as never };
  expect(() => mine.insert([delivery('a'), broken], NOW)).toThrow('NOT NULL');
  expect(mine.list({}, 10)).toEqual([]);
  expect(mine.insert([delivery('a'), delivery('a'), delivery('b')], NOW)).toEqual([true, false, true]);
});

test('deliveries that have been due longest are claimed first, and those that are not due are not claimed', () => {
  mine.insert([delivery('late')], NOW + 1);
  mine.insert([delivery('early')], NOW);
  expect(mine.nextDue()).toBe(NOW);
  expect(only(mine.claim(1, NOW)).rawBody.toString()).toBe('early');
  expect(mine.claim(10, NOW)).toEqual([]);
  expect(mine.nextDue()).toBe(NOW + 1);
});

test('prune() deletes done deliveries after `keepMs`, and dead letters after `keepDeadMs`', () => {
  mine.insert([delivery('done'), delivery('dead')], NOW);
  mine.insert([delivery('waiting')], NOW + 5_000);
  for (const lease of mine.claim(2, NOW)) {
    const dead = { state: 'dead', at: NOW, reason: 'permanent_error', error: '' } as const;
    mine.endLease(lease, lease.rawBody.toString() === 'done' ? { state: 'done', at: NOW } : dead);
  }
  const left = (): number => mine.list({}, 10).length;
  expect([mine.prune(NOW + 1_000), left()]).toEqual([0, 3]);
  expect([mine.prune(NOW + 1_001), left()]).toEqual([1, 2]);
  expect([mine.prune(NOW + 10_001), left()]).toEqual([1, 1]);
});

test('an active delivery can be neither removed nor replayed', () => {
  mine.insert([delivery('a')], NOW);
  const { id } = only(mine.claim(1, NOW));
  expect([mine.remove(id), mine.replay(id, NOW)]).toEqual([0, 0]);
});
