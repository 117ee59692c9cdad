import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { autoDecompress, bytesOfText, readTar, type TarEntry, type TarHeader } from '../../archive/index.ts';

/** In what a file of one layer is not the file of another. */
export type FileAspect =
  | 'only in the image'
  | 'only in the rebuild'
  | 'kind'
  | 'content'
  | 'mode'
  | 'owner'
  | 'link target'
  | 'attributes'
  | 'time';

export interface FileDifference {
  /** Absolute; of a deletion the deleted path. */
  readonly path: string;
  readonly aspect: FileAspect;
  /** What the image has, and what the rebuild has. */
  readonly before?: string;
  readonly after?: string;
}

export interface CompareOptions {
  readonly signal?: AbortSignal;
}

/**
 * The first file, in the layers' order, that differs in more than its time; else the first that differs in its time; undefined when none does.
 * Both streams are layer tars of any compression, in lading's order, read once and closed; nothing of them is kept.
 */
export async function compareLayers(
  image: Readable,
  rebuild: Readable,
  options: CompareOptions = {},
): Promise<FileDifference | undefined> {
  const [a, b] = [filesOf(image, options), filesOf(rebuild, options)];
  let time: FileDifference | undefined;
  try {
    let [left, right] = [await next(a), await next(b)];
    while (left || right) {
      const order = !left ? 1 : !right ? -1 : Buffer.compare(left.key, right.key);
      const found = order === 0 ? difference(left!, right!) : only(order < 0 ? left! : right!, order < 0);
      if (found && found.aspect !== 'time') return found;
      time ??= found;
      if (order <= 0) left = await next(a);
      if (order >= 0) right = await next(b);
    }
    return time;
  } finally {
    await Promise.all([a.return(undefined), b.return(undefined)]);
    image.destroy();
    rebuild.destroy();
  }
}

interface LayerFile {
  readonly key: Buffer;
  readonly path: string;
  readonly deleted: boolean;
  readonly header: TarHeader;
  /** "sha256:…", of files. */
  readonly content: string | undefined;
}

async function next(files: AsyncGenerator<LayerFile, void, undefined>): Promise<LayerFile | undefined> {
  const { done, value } = await files.next();
  return done === true ? undefined : (value as LayerFile);
}

async function* filesOf(source: Readable, { signal }: CompareOptions): AsyncGenerator<LayerFile, void, undefined> {
  const { stream } = await autoDecompress(source);
  for await (const entry of readTar(stream, signal ? { signal } : {})) yield fileOf(entry, await digestOf(entry));
}

const OPAQUE = '.wh..wh..opq';
const WHITEOUT = '.wh.';

function fileOf({ header }: TarEntry, content: string | undefined): LayerFile {
  const parts = header.name.replace(/\/$/, '').split('/');
  const base = parts.pop() ?? '';
  const deleted = base.startsWith(WHITEOUT);
  // Markers stand where the names they are about would stand.
  const name = base === OPAQUE ? '' : deleted ? base.slice(WHITEOUT.length) : base;
  const key = bytesOfText([...parts, name].join('\0'));
  return { key, path: `/${[...parts, name].join('/')}`, deleted, header, content };
}

async function digestOf({ header, body }: TarEntry): Promise<string | undefined> {
  if (header.type !== 'file') return undefined;
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

function only(file: LayerFile, inImage: boolean): FileDifference {
  const aspect = inImage ? 'only in the image' : 'only in the rebuild';
  const what = kindOf(file);
  return { path: file.path, aspect, ...(inImage ? { before: what } : { after: what }) };
}

function difference(a: LayerFile, b: LayerFile): FileDifference | undefined {
  for (const [aspect, describe] of ASPECTS) {
    const [before, after] = [describe(a), describe(b)];
    if (before !== after) return { path: a.path, aspect, before, after };
  }
  return undefined;
}

const ASPECTS: readonly (readonly [FileAspect, (file: LayerFile) => string])[] = [
  ['kind', kindOf],
  ['content', ({ header, content }) => (content === undefined ? '' : `${content} (${header.size} bytes)`)],
  ['mode', ({ header }) => header.mode.toString(8).padStart(4, '0')],
  ['owner', ({ header }) => `${header.uid}:${header.gid}`],
  ['link target', ({ header }) => header.linkName ?? ''],
  ['attributes', ({ header }) => attributesOf(header)],
  ['time', ({ header }) => new Date(header.mtime.sec * 1000).toISOString().replace('.000Z', 'Z')],
];

function kindOf({ header, deleted }: LayerFile): string {
  if (deleted) return 'deletion';
  const { type, devMajor = 0, devMinor = 0 } = header;
  return type === 'char' || type === 'block' ? `${type} ${devMajor}:${devMinor}` : type;
}

function attributesOf({ xattrs }: TarHeader): string {
  const all = [...(xattrs ?? [])].map(([name, value]) => `${name}=${value.toString('base64')}`);
  return all.sort().join(' ');
}
