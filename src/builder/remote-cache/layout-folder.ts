import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { writeFileAtomic } from '../../base/index.ts';
import { LadingError, errnoOf } from '../../errors/index.ts';
import {
  MAX_DOCUMENT_BYTES,
  MEDIA,
  digestOf,
  isDigest,
  parseManifestDocument,
  type Descriptor,
  type Digest,
} from '../../oci/index.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';

/** An OCI image layout on this machine (image-spec image-layout.md): read with every digest checked, written so that a reader never sees half of it. */
export class LayoutFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What `index.json` lists. Empty for a folder that is no layout yet. @throws invalid_argument for a broken one */
  async manifests(): Promise<readonly Descriptor[]> {
    const bytes = await readSmall(join(this.#path, 'index.json'));
    if (bytes === undefined) return [];
    const document = parseManifestDocument(bytes, MEDIA.ociIndex);
    if (document.kind === 'index') return document.index.manifests;
    throw new LadingError('invalid_argument', `invalid OCI layout "${this.#path}": index.json is no index`);
  }

  /** The manifest of a tag. */
  async tagged(tag: string): Promise<Descriptor | undefined> {
    return (await this.manifests()).findLast(({ annotations }) => annotations?.[REF_NAME] === tag);
  }

  /** A small document, verified. @throws not_found, data_loss, invalid_argument */
  async read(digest: Digest): Promise<Buffer> {
    const bytes = await readSmall(this.#blob(digest));
    if (bytes === undefined) throw new LadingError('not_found', `blob ${digest} is not in "${this.#path}"`);
    if (digestOf(bytes) === digest) return bytes;
    throw new LadingError('data_loss', `blob ${digest} in "${this.#path}" holds other bytes`);
  }

  /** A blob's bytes, not verified. The receiver destroys the stream. */
  async open({ digest }: Descriptor): Promise<Readable> {
    try {
      return (await open(this.#blob(digest), 'r')).createReadStream();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      throw new LadingError('not_found', `blob ${digest} is not in "${this.#path}"`, { cause: error });
    }
  }

  /** Writes a blob unless it is there. */
  async write({ digest, size }: Descriptor, source: () => Promise<Readable>, signal: AbortSignal): Promise<void> {
    const path = this.#blob(digest);
    if ((await stat(path).catch(() => undefined))?.size === size) return;
    await mkdir(join(path, '..'), { recursive: true });
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      await pipeline(await source(), createWriteStream(temporary, { flags: 'wx', flush: true, mode: 0o644 }), {
        signal,
      });
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }

  /** Lists a manifest under a tag, in place of the one that had it; with `alone` nothing else is listed any more. */
  async tag(manifest: Descriptor, tag: string, { alone }: { readonly alone: boolean }): Promise<void> {
    const others = alone ? [] : await this.manifests().catch(() => []);
    const kept = others.filter(({ annotations }) => annotations?.[REF_NAME] !== tag);
    const listed = [...kept, { ...manifest, annotations: { ...manifest.annotations, [REF_NAME]: tag } }];
    const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: listed };
    const options = { mode: 0o644 };
    await writeFileAtomic(join(this.#path, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }), options);
    await writeFileAtomic(join(this.#path, 'index.json'), JSON.stringify(index), options);
  }

  /** Deletes the blobs that are not among `kept`. */
  async keepOnly(kept: ReadonlySet<Digest>): Promise<void> {
    const folder = join(this.#path, 'blobs', 'sha256');
    for (const name of await readdir(folder).catch(() => []))
      if (/^[0-9a-f]{64}(?:\.[0-9a-f]{12}\.tmp)?$/.test(name) && !kept.has(`sha256:${name}` as Digest))
        await unlink(join(folder, name));
  }

  #blob(digest: Digest): string {
    if (!isDigest(digest)) throw new LadingError('invalid_argument', 'invalid digest');
    return join(this.#path, 'blobs', ...digest.split(':'));
  }
}

/** undefined when there is no such file. */
async function readSmall(path: string): Promise<Buffer | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  if (found.size > MAX_DOCUMENT_BYTES)
    throw new LadingError('invalid_argument', `"${path}" has ${found.size} bytes, more than ${MAX_DOCUMENT_BYTES}`);
  return readFile(path);
}
