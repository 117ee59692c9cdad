import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { TarWriter, extractTar, tarTree } from '../../archive/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import { folderNameOf, namesOf, type CacheMountRecord } from './cache-mount-records.ts';
import type { CacheMounts } from './cache-mounts.ts';

/** The first member of an archive: what its folders are. */
const INVENTORY = 'lading-cache-mounts.json';
const MAX_INVENTORY = 4 << 20;
const FOLDER = /^([0-9a-f]{32})(?:-\d{1,4})?$/;
const EPOCH = { sec: 0, nsec: 0 };

interface Inventory {
  readonly version: 1;
  readonly mounts: readonly ({ readonly folder: string } & Omit<CacheMountRecord, 'sizeBytes'>)[];
}

/**
 * Cache mounts as one tar: an inventory, then a folder each, with owners, modes, links and extended attributes. A folder that a step is writing
 * to is taken as it is found. The receiver destroys the stream.
 * @throws not_found for a folder whose id is not known: it was made by an earlier version
 */
export function exportMounts(mounts: CacheMounts, folders: readonly string[]): Readable {
  const inventory: Inventory = {
    version: 1,
    mounts: folders.map((folder) => {
      const record = mounts.record(folder);
      if (!record)
        throw new LadingError('not_found', `export cache mount ${folder}: its id is not known`, {
          hint: 'use it once in a build, then export it',
        });
      const { sizeBytes: _size, ...rest } = record;
      return { folder, ...rest };
    }),
  };
  const wanted = new Set(folders);
  return Readable.from(chunks(mounts, inventory, wanted), { objectMode: false, highWaterMark: 1 << 19 });
}

async function* chunks(
  mounts: CacheMounts,
  inventory: Inventory,
  wanted: ReadonlySet<string>,
): AsyncGenerator<Buffer, void, undefined> {
  const head: Buffer[] = [];
  const writer = new TarWriter((chunk) => void head.push(Buffer.from(chunk)));
  const bytes = Buffer.from(JSON.stringify(inventory));
  await writer.add(
    { name: INVENTORY, type: 'file', mode: 0o644, uid: 0, gid: 0, size: bytes.length, mtime: EPOCH },
    bytes,
  );
  yield* head;
  using _held = mounts.hold([...wanted]);
  const filter = (path: string): boolean => wanted.has(path.split('/')[0] ?? '');
  for await (const chunk of tarTree(mounts.root, '', { topName: '', filter })) yield chunk as Buffer;
}

/** What an import brought. */
export interface ImportedMount {
  readonly folder: string;
  readonly name: string;
  /** replaced: there was one of that id before. in use: a step has it, nothing was done. */
  readonly outcome: 'added' | 'replaced' | 'in use';
}

/**
 * Reads cache mounts from such a tar (of any compression) and puts each in the place of the one with its id. All of the archive is extracted into a
 * folder apart, where its names and links cannot lead out, before the first is put in place: a broken archive changes nothing.
 * @throws invalid_argument for what is no such archive, resource_exhausted
 */
export async function importMounts(
  mounts: CacheMounts,
  tar: Readable,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ImportedMount[]> {
  const staging = join(mounts.root, `.import-${randomBytes(8).toString('hex')}`);
  await mkdir(staging, { recursive: true, mode: 0o700 });
  try {
    await extractTar(tar, { dir: staging, ...options });
    const found = inventoryOf(staging);
    const imported: ImportedMount[] = [];
    for (const { folder, ...record } of found.mounts) {
      const existed = lstatSync(join(mounts.root, folder), { throwIfNoEntry: false }) !== undefined;
      const done = await mounts.replace(folder, join(staging, folder), record);
      imported.push({
        folder,
        name: namesOf(record.id).name,
        outcome: !done ? 'in use' : existed ? 'replaced' : 'added',
      });
    }
    return imported;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** @throws invalid_argument */
function inventoryOf(staging: string): Inventory {
  const path = join(staging, INVENTORY);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw invalid(`there is no ${INVENTORY} in it`);
  if (stat.size > MAX_INVENTORY) throw invalid(`its inventory has ${stat.size} bytes, more than ${MAX_INVENTORY}`);
  const value = parse(readFileSync(path, 'utf8')) as Partial<Inventory> | null;
  if (value?.version !== 1 || !Array.isArray(value.mounts)) throw invalid('its inventory is of another version');
  const names = new Set<string>();
  for (const mount of value.mounts as Partial<Inventory['mounts'][number]>[]) {
    checkMount(mount, staging);
    if (names.has(mount.folder!)) throw invalid(`it names ${mount.folder} twice`);
    names.add(mount.folder!);
  }
  return { version: 1, mounts: value.mounts.map(plain) };
}

/** Only a folder of the archive, and only in the place its id has. */
function checkMount(
  { folder, id, createdAt, lastUsedAt, uses }: Partial<Inventory['mounts'][number]>,
  staging: string,
): void {
  const name = typeof folder === 'string' ? FOLDER.exec(folder)?.[1] : undefined;
  if (name === undefined || typeof id !== 'string' || id.length > 64 << 10) throw invalid('its inventory is malformed');
  if (folderNameOf(id) !== name) throw invalid(`folder ${folder} is not that of the id it is listed with`);
  for (const time of [createdAt, lastUsedAt])
    if (typeof time !== 'string' || Number.isNaN(Date.parse(time)))
      throw invalid('its inventory holds a time that is none');
  if (!Number.isSafeInteger(uses) || (uses ?? -1) < 0) throw invalid('its inventory is malformed');
  try {
    if (lstatSync(join(staging, folder ?? '')).isDirectory()) return;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  throw invalid(`folder ${folder} is not in it`);
}

function plain({ folder, id, createdAt, lastUsedAt, uses }: Inventory['mounts'][number]): Inventory['mounts'][number] {
  return { folder, id, createdAt, lastUsedAt, uses };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LadingError('invalid_argument', 'import cache mounts: its inventory is not JSON', { cause: error });
  }
}

function invalid(why: string): LadingError {
  return new LadingError('invalid_argument', `import cache mounts: ${why}`, {
    hint: 'an archive made by lading cache mount export is wanted',
  });
}
