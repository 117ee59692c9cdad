import { LadingError } from '../../errors/index.ts';
import { formatReference, parseReference, withDefaultTag, type Reference } from '../../oci/index.ts';
import type { TypedOptions } from '../request.ts';
import { annotationAttribute, parseAnnotation, type Annotation } from './annotations.ts';

/** How an image's documents and layers are written. */
export interface ImageForm {
  /** Undefined: layers as they are stored, for a registry gzip. */
  readonly compression: 'none' | 'gzip' | 'zstd' | undefined;
  readonly level: number | undefined;
  readonly force: boolean;
  /** Docker's media types instead of OCI's. */
  readonly dockerTypes: boolean;
  readonly annotations: readonly Annotation[];
}

export interface ImageOutput {
  readonly kind: 'image';
  readonly names: readonly Reference[];
  /** Put into the image store; already the case for what is only pushed, unless `store=false`. */
  readonly store: boolean;
  readonly push: boolean;
  /** The manifest goes to the repository under its digest alone. */
  readonly byDigest: boolean;
  /** Also named "name@digest". */
  readonly canonicalName: boolean;
  /** An image without a name is called "prefix@digest". */
  readonly danglingPrefix: string | undefined;
  readonly form: ImageForm;
}

export interface ArchiveOutput {
  readonly kind: 'archive';
  readonly format: 'docker' | 'oci';
  /** False: a folder. */
  readonly tar: boolean;
  readonly dest: string;
  readonly names: readonly Reference[];
  readonly form: ImageForm;
}

export interface FilesOutput {
  readonly kind: 'files';
  /** A tar, or a folder. */
  readonly tar: boolean;
  readonly dest: string;
  readonly mode: 'copy' | 'delete';
  /** A folder for each platform; undefined: when there are several. */
  readonly platformSplit: boolean | undefined;
}

export type Output = ImageOutput | ArchiveOutput | FilesOutput | { readonly kind: 'none' };

const IMAGE_ATTRS = [
  'name',
  'compression',
  'compression-level',
  'force-compression',
  'oci-mediatypes',
  'rewrite-timestamp',
  'dest',
];
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  image: [
    ...IMAGE_ATTRS.filter((name) => name !== 'dest'),
    'push',
    'push-by-digest',
    'unpack',
    'store',
    'name-canonical',
    'dangling-name-prefix',
  ],
  docker: [...IMAGE_ATTRS, 'tar'],
  oci: [...IMAGE_ATTRS, 'tar'],
  local: ['dest', 'mode', 'platform-split'],
  tar: ['dest', 'platform-split'],
  cacheonly: [],
};

/**
 * What a build's `outputs` ask for; none at all is the image store. `names` are the tags, `texts` the annotations for every image.
 * @throws invalid_argument naming the output and what is wrong with it
 */
export function parseOutputs(
  outputs: readonly TypedOptions[],
  names: readonly Reference[],
  texts: readonly string[] = [],
): Output[] {
  const annotations = texts.flatMap(parseAnnotation);
  const found = (outputs.length === 0 ? [{ type: 'image', attrs: {} }] : outputs).map((output) =>
    parseOutput(output, names, annotations),
  );
  checkTogether(found);
  if (annotations.length > 0 && !found.some(({ kind }) => kind === 'image' || kind === 'archive'))
    throw new LadingError('invalid_argument', 'annotations are given, but no output of this build is an image');
  return found;
}

function parseOutput(
  { type: asked, attrs }: TypedOptions,
  names: readonly Reference[],
  annotations: readonly Annotation[],
): Output {
  const type = asked === 'registry' ? 'image' : asked;
  const known = KNOWN[type];
  if (!known)
    throw new LadingError('invalid_argument', `output type "${asked}" does not exist`, {
      hint: 'image, registry, docker, oci, local, tar and cacheonly do',
    });
  const own = Object.entries(attrs).flatMap(([key, value]) => annotationAttribute(key, value) ?? []);
  for (const key of Object.keys(attrs))
    if (!known.includes(key) && !(key.startsWith('annotation') && IMAGE_TYPES.includes(type)))
      throw refuse(asked, `unknown option "${key}"`, `it takes ${known.join(', ')}`);
  const read = new Attributes(asked, attrs);
  switch (type) {
    case 'image':
      return imageOutput(read, asked === 'registry', names, [...annotations, ...own]);
    case 'docker':
      if (read.text('dest') === undefined) return imageOutput(read, false, names, [...annotations, ...own]);
      return archiveOutput(read, 'docker', names, [...annotations, ...own]);
    case 'oci':
      return archiveOutput(read, 'oci', names, [...annotations, ...own]);
    case 'local':
    case 'tar':
      return filesOutput(read, type === 'tar');
    default:
      return { kind: 'none' };
  }
}

const IMAGE_TYPES = ['image', 'docker', 'oci'];

function imageOutput(
  read: Attributes,
  registry: boolean,
  tags: readonly Reference[],
  annotations: readonly Annotation[],
): ImageOutput {
  const byDigest = read.flag('push-by-digest', false);
  const push = read.flag('push', registry);
  const names = read.names() ?? tags;
  if (push && names.length === 0)
    throw new LadingError('invalid_argument', 'tag is needed when pushing to registry', {
      hint: 'name the image with -t registry/repository:tag, or the output with name=…',
    });
  if (byDigest && !push) throw read.refuse('push-by-digest needs push=true');
  return {
    kind: 'image',
    names,
    store: read.flag('store', true),
    push,
    byDigest,
    canonicalName: read.flag('name-canonical', false),
    danglingPrefix: read.text('dangling-name-prefix'),
    form: imageForm(read, annotations, push ? 'gzip' : undefined),
  };
}

function archiveOutput(
  read: Attributes,
  format: 'docker' | 'oci',
  tags: readonly Reference[],
  annotations: readonly Annotation[],
): ArchiveOutput {
  const form = imageForm(read, annotations, undefined);
  return { kind: 'archive', format, tar: read.flag('tar', true), dest: read.dest(), names: read.names() ?? tags, form };
}

function filesOutput(read: Attributes, tar: boolean): FilesOutput {
  const mode = read.text('mode') ?? 'copy';
  if (mode !== 'copy' && mode !== 'delete') throw read.refuse(`mode "${mode}"`, 'copy or delete is wanted');
  const split = read.text('platform-split');
  const dest = read.dest();
  if (!tar && dest === '-') throw read.refuse('a folder cannot go to standard output', 'use type=tar');
  return {
    kind: 'files',
    tar,
    dest,
    mode,
    platformSplit: split === undefined ? undefined : read.flag('platform-split', true),
  };
}

const COMPRESSIONS: Readonly<Record<string, 'none' | 'gzip' | 'zstd'>> = {
  uncompressed: 'none',
  gzip: 'gzip',
  zstd: 'zstd',
};
const LEVELS = { none: [0, 0], gzip: [0, 9], zstd: [1, 22] } as const;

function imageForm(read: Attributes, annotations: readonly Annotation[], usual: 'gzip' | undefined): ImageForm {
  const text = read.text('compression');
  const compression = text === undefined ? usual : COMPRESSIONS[text];
  if (text !== undefined && compression === undefined)
    throw read.refuse(`compression "${text}" is not supported`, 'uncompressed, gzip or zstd is');
  read.flag('rewrite-timestamp', false);
  read.flag('unpack', true);
  return {
    compression,
    level: compressionLevel(read, compression ?? 'gzip'),
    force: read.flag('force-compression', false),
    // There is no such type for zstd in Docker's family.
    dockerTypes: !read.flag('oci-mediatypes', true) && compression !== 'zstd',
    annotations,
  };
}

function compressionLevel(read: Attributes, compression: 'none' | 'gzip' | 'zstd'): number | undefined {
  const text = read.text('compression-level');
  if (text === undefined) return undefined;
  const [least, most] = LEVELS[compression];
  const level = Number(text);
  if (!/^\d{1,2}$/.test(text) || level < least || level > most)
    throw read.refuse(`compression-level "${text}"`, `${compression} has levels ${least} to ${most}`);
  return level;
}

/** The fields of one output. */
class Attributes {
  readonly #type: string;
  readonly #attrs: Readonly<Record<string, string>>;

  constructor(type: string, attrs: Readonly<Record<string, string>>) {
    this.#type = type;
    this.#attrs = attrs;
  }

  text(name: string): string | undefined {
    const value = this.#attrs[name];
    return value === '' ? undefined : value;
  }

  flag(name: string, usual: boolean): boolean {
    const value = this.text(name);
    if (value === undefined) return usual;
    if (/^(?:1|t|true)$/i.test(value)) return true;
    if (/^(?:0|f|false)$/i.test(value)) return false;
    throw this.refuse(`${name} "${value}"`, 'true or false is wanted');
  }

  dest(): string {
    const dest = this.text('dest');
    if (dest === undefined) throw this.refuse('dest is required', `say -o type=${this.#type},dest=PATH`);
    return dest;
  }

  /** `name=a` or `"name=a,b"`. */
  names(): Reference[] | undefined {
    return this.text('name')
      ?.split(',')
      .map((name) => withDefaultTag(parseReference(name.trim())));
  }

  refuse(why: string, hint?: string): LadingError {
    return refuse(this.#type, why, hint);
  }
}

function refuse(type: string, why: string, hint?: string): LadingError {
  return new LadingError('invalid_argument', `output type=${type}: ${why}`, hint === undefined ? {} : { hint });
}

/** Two outputs cannot have one place. */
function checkTogether(outputs: readonly Output[]): void {
  const dests = outputs.flatMap((output) => ('dest' in output ? [output.dest] : []));
  const twice = dests.find((dest, i) => dests.indexOf(dest) !== i);
  if (twice !== undefined)
    throw new LadingError('invalid_argument', `two outputs are to be written to "${twice}"`, {
      hint: 'give each its own dest',
    });
  const pushes = outputs.flatMap((output) => (output.kind === 'image' && output.push ? output.names : []));
  const names = pushes.map(formatReference);
  const again = names.find((name, i) => names.indexOf(name) !== i);
  if (again !== undefined)
    throw new LadingError('invalid_argument', `two outputs push "${again}"`, { hint: 'give each its own name' });
}
