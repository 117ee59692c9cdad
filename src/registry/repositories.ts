import { mkdir, opendir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder, writeFileAtomic } from '../base/index.ts';
import { errnoOf } from '../errors/index.ts';
import { digestAlgorithm, digestHex, isDigest, parseDigest, type Descriptor, type Digest } from '../oci/index.ts';
import { SpecError } from './spec-error.ts';

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const MAX_NAME = 255;

/** @throws NAME_INVALID: only what passes here becomes a path */
export function checkName(name: string): string {
  if (name.length <= MAX_NAME && NAME.test(name)) return name;
  throw new SpecError('NAME_INVALID', 'invalid repository name', { detail: { name: name.slice(0, 300) } });
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * What each repository holds, as small files beside the content store: `repositories/<name>/_blobs/<algorithm>/<hex>`,
 * `_manifests/…` (the descriptor), `_tags/<tag>` (the digest), `_referrers/<algorithm>/<subject>/<algorithm>-<hex>` (the descriptor).
 * A path component of a name never begins with "_", so nothing collides. The bytes are in the store, once for all repositories.
 */
export class Repositories {
  readonly #root: string;

  constructor(root: string) {
    this.#root = join(root, 'repositories');
  }

  async hasBlob(name: string, digest: Digest): Promise<boolean> {
    return exists(this.#link(name, '_blobs', digest));
  }

  async addBlob(name: string, digest: Digest): Promise<void> {
    await writeRecord(this.#link(name, '_blobs', digest), '');
  }

  /** Whether it was there. */
  async removeBlob(name: string, digest: Digest): Promise<boolean> {
    return remove(this.#link(name, '_blobs', digest));
  }

  /** The manifest's descriptor, annotations and artifact type included. */
  async manifest(name: string, digest: Digest): Promise<Descriptor | undefined> {
    const text = await readRecord(this.#link(name, '_manifests', digest));
    return text === undefined ? undefined : (JSON.parse(text) as Descriptor);
  }

  async addManifest(name: string, descriptor: Descriptor): Promise<void> {
    await writeRecord(this.#link(name, '_manifests', descriptor.digest), JSON.stringify(descriptor));
  }

  /** Removes a manifest and the tags that name it. */
  async removeManifest(name: string, digest: Digest): Promise<boolean> {
    for (const tag of await this.tags(name))
      if ((await this.tag(name, tag)) === digest) await this.removeTag(name, tag);
    return remove(this.#link(name, '_manifests', digest));
  }

  async tag(name: string, tag: string): Promise<Digest | undefined> {
    const text = await readRecord(this.#tagPath(name, tag));
    return text === undefined ? undefined : parseDigest(text);
  }

  async setTag(name: string, tag: string, digest: Digest): Promise<void> {
    await writeRecord(this.#tagPath(name, tag), digest);
  }

  async removeTag(name: string, tag: string): Promise<boolean> {
    return remove(this.#tagPath(name, tag));
  }

  /** In the order of their bytes, as the spec's "lexical". */
  async tags(name: string): Promise<string[]> {
    return (await list(join(this.#folder(name), '_tags'))).filter(isTag).sort();
  }

  async exists(name: string): Promise<boolean> {
    return exists(this.#folder(name));
  }

  async addReferrer(name: string, subject: Digest, referrer: Descriptor): Promise<void> {
    await writeRecord(this.#referrerPath(name, subject, referrer.digest), JSON.stringify(referrer));
  }

  async removeReferrer(name: string, subject: Digest, referrer: Digest): Promise<void> {
    await remove(this.#referrerPath(name, subject, referrer));
  }

  async *referrers(name: string, subject: Digest): AsyncGenerator<Descriptor> {
    const folder = this.#link(name, '_referrers', subject);
    for (const entry of (await list(folder)).sort()) {
      const text = entry.endsWith('.tmp') ? undefined : await readRecord(join(folder, entry));
      if (text !== undefined) yield JSON.parse(text) as Descriptor;
    }
  }

  /** Every repository with a manifest in it, in lexical order. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name, folders } of walk(this.#root, '')) if (folders.includes('_manifests')) names.push(name);
    return names.sort();
  }

  /** Digests of everything any repository holds. */
  async *held(): AsyncGenerator<Digest> {
    for await (const { name, folders } of walk(this.#root, ''))
      for (const kind of ['_blobs', '_manifests'].filter((kind) => folders.includes(kind)))
        for (const algorithm of ['sha256', 'sha512'])
          for (const hex of await list(join(this.#root, name, kind, algorithm))) {
            const digest = `${algorithm}:${hex}`;
            if (isDigest(digest)) yield digest;
          }
  }

  #folder(name: string): string {
    return join(this.#root, checkName(name));
  }

  #link(name: string, kind: '_blobs' | '_manifests' | '_referrers', digest: Digest): string {
    parseDigest(digest);
    return join(this.#folder(name), kind, digestAlgorithm(digest), digestHex(digest));
  }

  #tagPath(name: string, tag: string): string {
    if (!isTag(tag)) throw new SpecError('TAG_INVALID', 'invalid tag', { detail: { tag: tag.slice(0, 200) } });
    return join(this.#folder(name), '_tags', tag);
  }

  #referrerPath(name: string, subject: Digest, referrer: Digest): string {
    return join(this.#link(name, '_referrers', subject), `${digestAlgorithm(referrer)}-${digestHex(referrer)}`);
  }
}

async function* walk(root: string, name: string): AsyncGenerator<{ name: string; folders: string[] }> {
  const entries = await opendir(join(root, name)).catch(ignoreMissing);
  if (entries === undefined) return;
  const folders: string[] = [];
  for await (const entry of entries) if (entry.isDirectory()) folders.push(entry.name);
  if (folders.some((folder) => folder.startsWith('_'))) yield { name, folders };
  for (const folder of folders.filter((folder) => !folder.startsWith('_')))
    yield* walk(root, name === '' ? folder : `${name}/${folder}`);
}

/** Whatever the store has synced must not be named before the name is synced too: file, folder and new parents. */
async function writeRecord(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, text);
  if (first === undefined) return;
  for (let parent = dirname(folder); ; parent = dirname(parent)) {
    await syncFolder(parent);
    if (parent === dirname(first) || parent === dirname(parent)) return;
  }
}

async function readRecord(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(ignoreMissing);
}

async function list(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(ignoreMissing)) ?? [];
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing)) !== undefined;
}

async function remove(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  await rm(path, { force: true });
  await syncFolder(dirname(path));
  return true;
}

function ignoreMissing(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
  throw error;
}
