import Database from 'libsql';

export interface LoginRecord {
  delivery: string;
  who: string;
  from_ip: string | null;
  at: string | null;
}

/** Keeps who logged in, from where and when, in a SQLite file. */
export function openAuditTrail(file: string) {
  const db = new Database(file);
  db.exec('CREATE TABLE IF NOT EXISTS logins (delivery TEXT PRIMARY KEY, who TEXT NOT NULL, from_ip TEXT, at TEXT)');
  // The delivery's id is the key, so that a repeated delivery is recorded once, even after a restart.
  const insert = db.prepare('INSERT OR IGNORE INTO logins (delivery, who, from_ip, at) VALUES (?, ?, ?, ?)');
  const select = db.prepare('SELECT delivery, who, from_ip, at FROM logins ORDER BY at DESC, delivery LIMIT ?');
  return {
    record({ delivery, who, from_ip, at }: LoginRecord): void {
      insert.run(delivery, who, from_ip, at);
    },
    latest: (count: number) => select.all(count) as LoginRecord[],
    close: () => db.close(),
  };
}
