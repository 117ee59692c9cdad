import { LadingError } from '../errors/index.ts';
import { MAX_LAYERS } from './config.ts';
import type { Descriptor } from './descriptor.ts';
import { parseDigest } from './digest.ts';
import { isObject } from './is-object.ts';
import { MEDIA, isIndexType, isManifestType } from './media-types.ts';

/** Largest manifest, index or config lading reads into memory (the distribution spec's recommended 4 MiB). */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_INDEX_ENTRIES = 5000;

export interface ImageManifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Descriptor;
  readonly artifactType?: string;
}

export interface ImageIndex {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Descriptor;
  readonly artifactType?: string;
}

type Document = { kind: 'index'; index: ImageIndex } | { kind: 'manifest'; manifest: ImageManifest };

function fail(why: string): never {
  throw new LadingError('invalid_argument', `invalid manifest: ${why}`);
}

/** Validates one descriptor. @throws invalid_argument naming the field */
export function parseDescriptor(value: unknown, field: string): Descriptor {
  if (!isObject(value)) fail(`${field} is not an object`);
  const { mediaType, size } = value;
  if (typeof mediaType !== 'string' || mediaType === '') fail(`${field}.mediaType is missing`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    fail(`${field}.size is ${JSON.stringify(size)}`);
  parseDigest(value['digest'], `${field}.digest`);
  return value as unknown as Descriptor;
}

function parseList(value: unknown, field: string, limit: number): Descriptor[] {
  if (!Array.isArray(value)) fail(`${field} is not a list`);
  if (value.length > limit) fail(`${field} has ${value.length} entries, more than ${limit}`);
  return value.map((item, i) => parseDescriptor(item, `${field}[${i}]`));
}

/** Parses JSON bytes, bounded. @throws invalid_argument */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > MAX_DOCUMENT_BYTES)
    throw new LadingError(
      'invalid_argument',
      `invalid ${what}: ${bytes.length} bytes, more than ${MAX_DOCUMENT_BYTES}`,
    );
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new LadingError('invalid_argument', `invalid ${what}: not JSON`, { cause: error });
  }
}

/**
 * Reads a manifest or index from the bytes received. The type comes from the document, else from the hint (a Content-Type);
 * a document that carries both `manifests` and `layers` is refused, since two readers could take it for different images.
 */
export function parseManifestDocument(bytes: Uint8Array, mediaTypeHint?: string): Document {
  const value = parseJson(bytes, 'manifest');
  if (!isObject(value)) fail('not an object');
  if (value['schemaVersion'] !== 2)
    fail(`schemaVersion is ${JSON.stringify(value['schemaVersion'])}, only 2 is supported`);
  if ('manifests' in value && ('layers' in value || 'config' in value)) fail('it is both an index and a manifest');
  const hint = mediaTypeHint?.split(';')[0]?.trim();
  const declared = typeof value['mediaType'] === 'string' ? value['mediaType'] : undefined;
  const mediaType = declared ?? hint ?? ('manifests' in value ? MEDIA.ociIndex : MEDIA.ociManifest);
  if (isIndexType(mediaType)) {
    const manifests = parseList(value['manifests'], 'manifests', MAX_INDEX_ENTRIES);
    return { kind: 'index', index: { ...(value as unknown as ImageIndex), mediaType, manifests } };
  }
  if (!isManifestType(mediaType)) fail(`unsupported media type "${mediaType}"`);
  const config = parseDescriptor(value['config'], 'config');
  const layers = parseList(value['layers'], 'layers', MAX_LAYERS);
  return { kind: 'manifest', manifest: { ...(value as unknown as ImageManifest), mediaType, config, layers } };
}
