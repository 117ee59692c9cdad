import { LadingError } from '../errors/index.ts';

/** `algorithm:hex` of stored bytes (image-spec descriptor.md, "Digests"). */
export type Digest = string & { readonly __brand: 'Digest' };
/** Digest of a layer's *uncompressed* tar. Never interchangeable with the blob's digest. */
export type DiffID = string & { readonly __brand: 'DiffID' };
/** Digest of a stack of DiffIDs, bottom first (image-spec config.md, "Layer ChainID"). */
export type ChainID = string & { readonly __brand: 'ChainID' };

const SHA256 = /^sha256:[a-f0-9]{64}$/;
const SHA512 = /^sha512:[a-f0-9]{128}$/;

/** Whether text is a well-formed sha256 or sha512 digest. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && (SHA256.test(text) || SHA512.test(text));
}

/** @throws {LadingError} `invalid_argument` unless text is a sha256 or sha512 digest. */
export function parseDigest(text: unknown, what = 'digest'): Digest {
  if (isDigest(text)) return text;
  throw new LadingError('invalid_argument', `invalid ${what}: ${JSON.stringify(text)?.slice(0, 160)}`);
}

/** The same check for a DiffID. */
export function parseDiffID(text: unknown): DiffID {
  return parseDigest(text, 'diffID') as string as DiffID;
}

/** `sha256` or `sha512`. */
export function digestAlgorithm(digest: Digest | DiffID | ChainID): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hexadecimal part. */
export function digestHex(digest: Digest | DiffID | ChainID): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Twelve hexadecimal digits, as Docker shows ids. */
export function shortId(id: string): string {
  return id.slice(id.indexOf(':') + 1).slice(0, 12);
}
