import { randomBytes } from 'node:crypto';
import { closeSync, lstatSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { SingleFlight } from '../../base/index.ts';
import type { ChainID } from '../../oci/index.ts';
import type { RootfsMounter } from '../../runtime/index.ts';
import type { Snapshotter } from '../../snapshot/index.ts';
import { O, RESOLVE, closeFd, openat2 } from '../../sys/index.ts';

const FOLDERS = ['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys'];
const FILES = ['.dockerenv', 'dev/console', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf'];

/** Name of the init layer on top of an image's layers. */
export function initLayerOf(parent: ChainID | undefined): string {
  return `init-${parent ?? 'scratch'}`;
}

/**
 * Docker's init layer: what every container has mounted over (name files, /dev, /proc…) exists before its own layer begins, so that
 * `diff` and `commit` show only what the container did. One an image, made with its first container.
 */
export class InitLayers {
  readonly #snapshotter: Snapshotter;
  readonly #mounter: RootfsMounter;
  readonly #scratch: string;
  readonly #making = new SingleFlight<void>();

  constructor(snapshotter: Snapshotter, mounter: RootfsMounter, scratch: string) {
    this.#snapshotter = snapshotter;
    this.#mounter = mounter;
    this.#scratch = scratch;
  }

  /** Its name, made when missing. */
  async ensure(parent: ChainID | undefined): Promise<string> {
    const name = initLayerOf(parent);
    if (!(await this.#snapshotter.stat(name))) await this.#making.run(name, () => this.#make(name, parent));
    return name;
  }

  async #make(name: string, parent: ChainID | undefined): Promise<void> {
    const key = `make-${name}-${randomBytes(6).toString('hex')}`;
    const target = join(this.#scratch, key);
    await mkdir(target, { recursive: true, mode: 0o700 });
    try {
      this.#mounter.mount(await this.#snapshotter.prepare(key, parent), target);
      try {
        fill(target);
      } finally {
        this.#mounter.unmount(target);
      }
      await this.#snapshotter.commit(name, key);
    } catch (error) {
      await this.#snapshotter.remove(key);
      throw error;
    } finally {
      await rm(target, { recursive: true, force: true });
    }
  }
}

/** Whatever exists stays; links of the image resolve inside it. */
function fill(rootfs: string): void {
  const root = openSync(rootfs, 'r');
  try {
    for (const path of FOLDERS) create(root, path, (place) => mkdirSync(place, { mode: 0o755 }));
    for (const path of FILES)
      create(root, path, (place) =>
        writeFileSync(place, '', { mode: path === '.dockerenv' ? 0o755 : 0o644, flag: 'wx' }),
      );
    create(root, 'etc/mtab', (place) => symlinkSync('/proc/mounts', place));
  } finally {
    closeSync(root);
  }
}

function create(root: number, path: string, make: (place: string) => void): void {
  let parent: number;
  try {
    parent = openat2(root, posix.dirname(path), O.RDONLY | O.DIRECTORY | O.CLOEXEC, 0, RESOLVE.IN_ROOT);
  } catch {
    // The image has something else where the folder should be; the runtime will say so if it matters.
    return;
  }
  const place = `/proc/self/fd/${parent}/${posix.basename(path)}`;
  try {
    if (lstatSync(place, { throwIfNoEntry: false }) === undefined) make(place);
  } finally {
    closeFd(parent);
  }
}
