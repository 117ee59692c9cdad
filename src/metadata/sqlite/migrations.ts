import type { DatabaseSync } from 'node:sqlite';
import { LadingError } from '../../errors/index.ts';

/** Step i brings a database of version i to version i + 1. Never change one that was released: add one. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE records (
     collection TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (collection, key)
   ) WITHOUT ROWID`,
];

/** Brings the schema up to date, all steps or none. @throws unavailable when a newer lading wrote it */
export function migrate(database: DatabaseSync, path: string): void {
  if (versionOf(database) === MIGRATIONS.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    // Read again: another process may have migrated while this one waited for the lock.
    const version = versionOf(database);
    if (version > MIGRATIONS.length)
      throw new LadingError(
        'unavailable',
        `open metadata "${path}": it has schema version ${version}, this lading knows ${MIGRATIONS.length}`,
        { hint: 'use the lading that wrote it or a newer one, or choose another --data-root' },
      );
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}
