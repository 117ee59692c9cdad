import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../../base/index.ts';
import { digestAlgorithm, digestHex, parseDigest, type Digest } from '../../oci/index.ts';

const PRIVATE = 0o700;

/** Where the local store keeps what: `blobs/<algorithm>/<hex>`, `ingest/<sha256 of ref>/{ref,data}`, `staging/<name>`. */
export class BlobLayout {
  readonly root: string;
  readonly ingests: string;
  readonly staging: string;

  constructor(root: string) {
    this.root = root;
    this.ingests = join(root, 'ingest');
    this.staging = join(root, 'staging');
  }

  /** Folders that hold committed blobs. */
  get blobFolders(): readonly { readonly algorithm: 'sha256' | 'sha512'; readonly path: string }[] {
    return (['sha256', 'sha512'] as const).map((algorithm) => ({
      algorithm,
      path: join(this.root, 'blobs', algorithm),
    }));
  }

  /** Checks the digest again: nothing but a digest may become a path. */
  blobPath(digest: Digest): string {
    parseDigest(digest);
    return join(this.root, 'blobs', digestAlgorithm(digest), digestHex(digest));
  }

  ingestFolder(ref: string): string {
    return join(this.ingests, createHash('sha256').update(ref).digest('hex'));
  }

  /** Makes every folder; durable, since a blob is only as durable as the folders above it. */
  async create(durable: boolean): Promise<void> {
    const folders = [this.ingests, this.staging, ...this.blobFolders.map((folder) => folder.path)];
    for (const folder of folders) {
      const first = await mkdir(folder, { recursive: true, mode: PRIVATE });
      if (durable && first !== undefined) await syncUpTo(folder, dirname(first));
    }
  }
}

/** Syncs the parents of `folder` from the nearest up to `last`. */
async function syncUpTo(folder: string, last: string): Promise<void> {
  for (let parent = dirname(folder); ; parent = dirname(parent)) {
    await syncFolder(parent);
    if (parent === last || parent === dirname(parent)) return;
  }
}
