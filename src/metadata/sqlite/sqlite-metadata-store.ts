import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { LadingError, toLadingError } from '../../errors/index.ts';
import type { Collection, MetadataStore } from '../metadata-store.ts';
import { migrate } from './migrations.ts';
import { sqlite } from './node-sqlite.ts';
import { prefixEnd } from './prefix-end.ts';
import { fromSqlite } from './sqlite-error.ts';

const BUSY_TIMEOUT_MS = 5000;

/** Opens the database at `path`, making or migrating it. @throws data_loss when it is damaged, unavailable when a newer lading wrote it */
export function openMetadata(path: string): MetadataStore {
  let database: DatabaseSync | undefined;
  try {
    if (path !== ':memory:') makePrivate(path);
    database = new sqlite.DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    migrate(database, path);
    return new SqliteMetadataStore(database, path);
  } catch (error) {
    database?.close();
    throw toLadingError(fromSqlite(error, `open metadata "${path}"`), `open metadata "${path}"`);
  }
}

/** What the collections need from their database. */
interface Records {
  readonly get: StatementSync;
  readonly put: StatementSync;
  readonly delete: StatementSync;
  readonly list: StatementSync;
  /** Runs one statement outside or inside a transaction, with failures in lading's terms. */
  run<T>(work: () => T, options: { readonly write: boolean }): T;
}

class SqliteMetadataStore implements MetadataStore {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #records: Records;
  readonly #collections = new Map<string, Collection<unknown>>();
  #closed = false;
  #depth = 0;
  #synchronous: 'FULL' | 'NORMAL' = 'FULL';
  /** A durable transaction joined one that is not. */
  #syncAfterCommit = false;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#records = {
      get: database.prepare('SELECT value FROM records WHERE collection = ? AND key = ?'),
      put: database.prepare(
        'INSERT INTO records (collection, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
      ),
      delete: database.prepare('DELETE FROM records WHERE collection = ? AND key = ?'),
      list: database.prepare(
        // Without an upper end: every text sorts before every blob.
        `SELECT key, value FROM records WHERE collection = ? AND key >= ? AND key < ifnull(?, x'') ORDER BY key`,
      ),
      run: (work, { write }) => {
        if (write && this.#depth === 0) this.#setSynchronous('FULL');
        return this.#translated(work);
      },
    };
  }

  collection<T>(name: string): Collection<T> {
    const known = this.#collections.get(name) as Collection<T> | undefined;
    if (known) return known;
    const made = new SqliteCollection<T>(name, this.#records);
    this.#collections.set(name, made as Collection<unknown>);
    return made;
  }

  transaction<T>(work: () => T, options: { readonly durable?: boolean } = {}): T {
    const { durable = true } = options;
    if (this.#depth > 0) {
      if (durable && this.#synchronous === 'NORMAL') this.#syncAfterCommit = true;
      return this.#atomically(
        work,
        `SAVEPOINT s${this.#depth}`,
        `RELEASE s${this.#depth}`,
        `ROLLBACK TO s${this.#depth}`,
      );
    }
    this.#setSynchronous(durable ? 'FULL' : 'NORMAL');
    this.#syncAfterCommit = false;
    const result = this.#atomically(work, 'BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK');
    // A checkpoint syncs the log, and with it what was just committed.
    if (this.#syncAfterCommit) this.#exec('PRAGMA wal_checkpoint(PASSIVE)');
    return result;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #atomically<T>(work: () => T, begin: string, commit: string, rollback: string): T {
    this.#exec(begin);
    this.#depth++;
    try {
      const result = work();
      if (result instanceof Promise)
        throw new LadingError('internal', 'run a metadata transaction: its function is asynchronous');
      this.#exec(commit);
      return result;
    } catch (error) {
      this.#rollBack(rollback);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  #rollBack(statement: string): void {
    try {
      this.#database.exec(statement);
    } catch {
      // A full disk or an I/O error rolled back already; the first failure is the one to report.
    }
  }

  /** Only outside a transaction: SQLite ignores it inside. */
  #setSynchronous(level: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === level) return;
    this.#exec(`PRAGMA synchronous = ${level}`);
    this.#synchronous = level;
  }

  #exec(sql: string): void {
    this.#translated(() => this.#database.exec(sql));
  }

  #translated<T>(work: () => T): T {
    if (this.#closed) throw new LadingError('internal', `use metadata "${this.#path}": it was closed`);
    try {
      return work();
    } catch (error) {
      throw fromSqlite(error, `use metadata "${this.#path}"`);
    }
  }
}

class SqliteCollection<T> implements Collection<T> {
  readonly #name: string;
  readonly #records: Records;

  constructor(name: string, records: Records) {
    this.#name = name;
    this.#records = records;
  }

  get(key: string): T | undefined {
    const row = this.#records.run(() => this.#records.get.get(this.#name, key), { write: false });
    return row && this.#parse(key, row['value']);
  }

  put(key: string, value: T): void {
    const text = JSON.stringify(value);
    this.#records.run(() => this.#records.put.run(this.#name, key, text), { write: true });
  }

  delete(key: string): boolean {
    const { changes } = this.#records.run(() => this.#records.delete.run(this.#name, key), { write: true });
    return Number(changes) > 0;
  }

  list(prefix = ''): { readonly key: string; readonly value: T }[] {
    const end = prefixEnd(prefix) ?? null;
    const rows = this.#records.run(() => this.#records.list.all(this.#name, prefix, end), { write: false });
    return rows.map((row) => ({ key: String(row['key']), value: this.#parse(String(row['key']), row['value']) }));
  }

  #parse(key: string, text: unknown): T {
    try {
      return JSON.parse(String(text)) as T;
    } catch (error) {
      throw new LadingError('data_loss', `read record "${key}" of "${this.#name}": it is not JSON`, { cause: error });
    }
  }
}

/** Made here, so that it and the files SQLite puts beside it with the same mode are private. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}
