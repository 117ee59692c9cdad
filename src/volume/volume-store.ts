import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LadingError } from '../errors/index.ts';
import type { Collection, MetadataStore } from '../metadata/index.ts';

export interface VolumeRecord {
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** Made for one container without a name. */
  readonly anonymous: boolean;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Named folders that outlive containers: `<root>/<name>/_data`, as Docker's `local` driver lays them out. */
export class VolumeStore {
  readonly #root: string;
  readonly #trash: string;
  readonly #records: Collection<VolumeRecord>;
  readonly #metadata: MetadataStore;

  constructor(root: string, trash: string, metadata: MetadataStore) {
    this.#root = root;
    this.#trash = trash;
    this.#metadata = metadata;
    this.#records = metadata.collection('volumes');
  }

  /** Makes a volume, or returns the one that has this name (as Docker does). @throws invalid_argument */
  async create(request: {
    name?: string | undefined;
    labels?: Record<string, string>;
    options?: Record<string, string>;
  }): Promise<VolumeRecord> {
    const name = request.name || randomBytes(32).toString('hex');
    if (!NAME.test(name) || name.length > 255)
      throw new LadingError(
        'invalid_argument',
        `create ${name.slice(0, 300)}: "${name.slice(0, 300)}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      );
    if (Object.keys(request.options ?? {}).length > 0)
      throw new LadingError(
        'not_implemented',
        `create volume "${name}": options of the local driver are not supported yet`,
        { hint: 'bind a host folder instead: -v /host/path:/path' },
      );
    const known = this.#records.get(name);
    if (known) return known;
    const anonymous = !request.name;
    const record: VolumeRecord = {
      name,
      createdAt: new Date().toISOString(),
      labels: request.labels ?? {},
      options: {},
      anonymous,
    };
    // Folder and record change in one tick, here and in remove(): neither is ever seen without the other.
    mkdirSync(this.pathOf(name), { recursive: true, mode: 0o755 });
    this.#metadata.transaction(() => this.#records.put(name, record));
    return record;
  }

  get(name: string): VolumeRecord | undefined {
    return this.#records.get(name);
  }

  list(): VolumeRecord[] {
    return this.#records.list().map(({ value }) => value);
  }

  /** Host folder with the volume's content. */
  pathOf(name: string): string {
    return join(this.#root, name, '_data');
  }

  /** Idempotent. The caller has checked that no container uses it. */
  async remove(name: string): Promise<boolean> {
    const doomed = join(this.#trash, `volume-${randomBytes(8).toString('hex')}`);
    await mkdir(this.#trash, { recursive: true, mode: 0o700 });
    if (!this.#records.get(name)) return false;
    moveAway(join(this.#root, name), doomed);
    this.#metadata.transaction(() => this.#records.delete(name));
    await rm(doomed, { recursive: true, force: true });
    return true;
  }
}

/** A folder that is not there is fine. */
function moveAway(path: string, target: string): void {
  try {
    renameSync(path, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
