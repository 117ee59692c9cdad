import { LadingError } from '../../errors/index.ts';
import {
  formatReference,
  isDigest,
  parseReference,
  withDefaultTag,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import type { BuildSettings, TypedOptions } from '../request.ts';

/** A cache to read. */
export type CacheSource =
  | { readonly kind: 'registry'; readonly reference: Reference; readonly name: string }
  | {
      readonly kind: 'local';
      readonly path: string;
      readonly tag: string;
      readonly digest?: Digest;
      readonly name: string;
    };

export interface CacheCompression {
  readonly kind: 'none' | 'gzip' | 'zstd';
  readonly level?: number;
  /** Layers that exist in another compression are compressed again. */
  readonly force: boolean;
}

/** A cache to write. */
export type CacheTarget = {
  /** max: the steps of all stages with their layers; min: only layers of the image. */
  readonly mode: 'min' | 'max';
  readonly compression: CacheCompression;
  /** A failed export is a warning. */
  readonly ignoreError: boolean;
  readonly name: string;
} & (
  | { readonly kind: 'registry'; readonly reference: Reference }
  | {
      readonly kind: 'local';
      readonly path: string;
      readonly tag: string;
      /** Forget the caches of earlier exports. */
      readonly reset: boolean;
    }
);

export interface CacheOptions {
  readonly from: readonly CacheSource[];
  readonly to: readonly CacheTarget[];
  /** The image's config carries its own cache. */
  readonly inline: boolean;
}

const ELSEWHERE = ['gha', 's3', 'azblob'];
const COMMON = ['mode', 'compression', 'compression-level', 'force-compression', 'ignore-error'];
const FORM = ['image-manifest', 'oci-mediatypes'];
const TARGET_ATTRS: Readonly<Record<string, readonly string[]>> = {
  registry: ['ref', ...COMMON, ...FORM],
  local: ['dest', 'tag', 'reset', ...COMMON, ...FORM],
  inline: ['mode'],
};
const SOURCE_ATTRS: Readonly<Record<string, readonly string[]>> = {
  registry: ['ref'],
  local: ['src', 'tag', 'digest'],
};
const LEVELS: Readonly<Record<string, readonly [number, number]>> = { gzip: [0, 9], zstd: [0, 22] };

/** What `--cache-from`, `--cache-to` and BUILDKIT_INLINE_CACHE ask for. @throws invalid_argument, not_implemented naming the option */
export function cacheOptionsOf({ cacheFrom = [], cacheTo = [], buildArgs, noCache }: BuildSettings): CacheOptions {
  const from = cacheFrom.map(sourceOf);
  const to = cacheTo.flatMap((options) => targetOf(options) ?? []);
  const inline = buildArgs['BUILDKIT_INLINE_CACHE'];
  return {
    from: noCache ? [] : from,
    to,
    inline: cacheTo.some(({ type }) => type === 'inline') || (inline !== undefined && ['1', 'true'].includes(inline)),
  };
}

function sourceOf(options: TypedOptions): CacheSource {
  const attrs = checked('cache-from', options, SOURCE_ATTRS);
  if (options.type === 'registry') {
    const reference = referenceOf('cache-from', attrs['ref']);
    return { kind: 'registry', reference, name: formatReference(reference) };
  }
  const { src, tag = 'latest', digest } = attrs;
  const path = required('cache-from', 'src', src);
  if (digest !== undefined && !isDigest(digest))
    throw new LadingError('invalid_argument', `--cache-from: invalid digest "${digest.slice(0, 100)}"`);
  return { kind: 'local', path, tag, ...(digest === undefined ? {} : { digest }), name: path };
}

function targetOf(options: TypedOptions): CacheTarget | undefined {
  const attrs = checked('cache-to', options, TARGET_ATTRS);
  const mode = oneOf('mode', attrs['mode'] ?? 'min', ['min', 'max'] as const);
  if (options.type === 'inline') return undefined;
  if (
    !booleanOf('image-manifest', attrs['image-manifest'], true) ||
    !booleanOf('oci-mediatypes', attrs['oci-mediatypes'], true)
  )
    throw new LadingError(
      'not_implemented',
      '--cache-to: a cache is written as an OCI image manifest, in no other form',
      {
        hint: 'leave image-manifest and oci-mediatypes out',
      },
    );
  const common = {
    mode,
    compression: compressionOf(attrs),
    ignoreError: booleanOf('ignore-error', attrs['ignore-error'], false),
  };
  if (options.type === 'registry') {
    const reference = referenceOf('cache-to', attrs['ref']);
    return { ...common, kind: 'registry', reference, name: formatReference(reference) };
  }
  const path = required('cache-to', 'dest', attrs['dest']);
  const { tag = 'latest' } = attrs;
  return { ...common, kind: 'local', path, tag, reset: booleanOf('reset', attrs['reset'], false), name: path };
}

function checked(
  flag: string,
  { type, attrs }: TypedOptions,
  known: Readonly<Record<string, readonly string[]>>,
): TypedOptions['attrs'] {
  const names = known[type];
  if (!names && ELSEWHERE.includes(type))
    throw new LadingError('not_implemented', `--${flag}: caches of type "${type}" are not supported`, {
      hint: `use one of ${Object.keys(known).join(', ')}`,
    });
  if (!names)
    throw new LadingError('invalid_argument', `--${flag}: unknown cache type "${type.slice(0, 100)}"`, {
      hint: type === 'inline' ? 'name the image with type=registry,ref=…' : `types: ${Object.keys(known).join(', ')}`,
    });
  const unknown = Object.keys(attrs).find((name) => !names.includes(name));
  if (unknown === undefined) return attrs;
  throw new LadingError('invalid_argument', `--${flag}: unknown option "${unknown.slice(0, 100)}" of type "${type}"`, {
    hint: `options: ${names.join(', ')}`,
  });
}

function compressionOf(attrs: TypedOptions['attrs']): CacheCompression {
  const word = attrs['compression'] ?? 'gzip';
  if (word === 'estargz') throw new LadingError('not_implemented', '--cache-to: compression=estargz is not supported');
  const kind = oneOf('compression', word, ['uncompressed', 'gzip', 'zstd'] as const);
  const force = booleanOf('force-compression', attrs['force-compression'], false);
  const level = attrs['compression-level'];
  if (level === undefined || kind === 'uncompressed') return { kind: kind === 'uncompressed' ? 'none' : kind, force };
  const [low, high] = LEVELS[kind] ?? [0, 0];
  if (!/^\d{1,2}$/.test(level) || Number(level) < low || Number(level) > high)
    throw new LadingError(
      'invalid_argument',
      `--cache-to: invalid compression-level "${level.slice(0, 20)}" for ${kind}: ${low} to ${high}`,
    );
  return { kind, level: Number(level), force };
}

function referenceOf(flag: string, text: string | undefined): Reference {
  return withDefaultTag(parseReference(required(flag, 'ref', text)));
}

function required(flag: string, name: string, text: string | undefined): string {
  if (text !== undefined && text !== '') return text;
  throw new LadingError('invalid_argument', `--${flag}: "${name}" is required`);
}

function booleanOf(name: string, text: string | undefined, byDefault: boolean): boolean {
  if (text === undefined) return byDefault;
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new LadingError('invalid_argument', `--cache-to: ${name}="${text.slice(0, 50)}": true or false is wanted`);
}

function oneOf<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new LadingError('invalid_argument', `--cache-to: ${name}="${text.slice(0, 50)}": one of ${words.join(', ')}`);
}
